"""TLS towards a partner's server: whom we believe, and what we show of ourselves.

A pinned certificate counts because it was put there, whoever issued it and whatever name it bears, also past its end,
of which ``gateway doctor`` warns. A private key never touches a disk on its way into OpenSSL where the system has
files that are memory alone.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from gateway.errors import SettingsInvalid
from gateway.transport.as2.settings import ClientCertificate


def context(pins: tuple[str, ...], client: ClientCertificate | None) -> ssl.SSLContext:
    """TLS 1.2 at least. With pins the caller compares the server's certificate after the handshake."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if pins:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    else:
        made.load_default_certs()
    if client is not None:
        _show(made, client)
    return made


def fingerprint(der: bytes) -> str:
    """As pins are written: ``SHA256:`` and 64 small hexadecimal digits."""
    return f"SHA256:{sha256(der).hexdigest()}"


def _show(made: ssl.SSLContext, client: ClientCertificate) -> None:
    with _as_file(client.chain) as chain, _as_file(client.key.encode()) as key:
        try:
            made.load_cert_chain(chain, key, password=lambda: client.passphrase)
        except (ssl.SSLError, ValueError, OSError):
            # Not chained: the library's text may quote what it read.
            fix = "Check that the key is PEM and belongs to the certificate, and its passphrase"
            raise SettingsInvalid(
                "the client's certificate and key cannot be used", where="tls_client", fix=fix
            ) from None


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path under which OpenSSL, which reads files only, finds the content."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.NamedTemporaryFile("wb") as file:  # Readable by us alone.
        file.write(content)
        file.flush()
        yield file.name
