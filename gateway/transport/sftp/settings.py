"""What a partner's ``[transport]`` of kind ``sftp`` says. Secrets are here already resolved, and never shown."""

from dataclasses import dataclass, field
from typing import ClassVar

from gateway.transport.pickup import SETTLE_S, After, Inbox


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpSettings:
    """``key`` is the text of a private key, ``certificate`` that of its ``-cert.pub``.

    ``host_keys`` are public key lines or ``SHA256:`` fingerprints; with ``@cert-authority`` before it, a line pins who
    signs the server's certificate. ``allow`` names old algorithms that are offered, too (``algorithms``).

    ``inbox`` (and each of ``more``) is where the partner puts files for us, ``outbox`` where we put ours, as the server
    names them.
    """

    kind: ClassVar[str] = "sftp"
    host: str
    username: str
    host_keys: tuple[str, ...]
    inbox: str
    outbox: str
    port: int = 22
    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    key_passphrase: str = field(default="", repr=False)
    certificate: str = ""
    allow: tuple[str, ...] = ()
    archive: str = ""
    after: After = "remove"
    pattern: str = "*"
    more: tuple[Inbox, ...] = ()
    temporary_suffix: str = ".part"
    serial_reads: bool = False  # Sterling loses data where reads overlap.
    timeout_s: float = 30.0
    keepalive_s: int = 30
    settle_s: float = SETTLE_S
    resume_pauses_s: tuple[float, ...] = (0.0, 2.0, 8.0)  # before each try to go on with a cut download
