"""OpenPGP around any mailbox of files: what we send is encrypted and signed, what comes is decrypted and proved.

GnuPG does it, driven by python-gnupg: it streams, distributions keep it patched, and partners' own tools are tried
against it; the OpenPGP libraries for Python hold whole messages in memory. Python-gnupg is used in ``keyring`` alone.
"""

from gateway.transport.pgp.mailbox import PgpMailbox
from gateway.transport.pgp.settings import PgpSettings

__all__ = ["PgpMailbox", "PgpSettings"]
