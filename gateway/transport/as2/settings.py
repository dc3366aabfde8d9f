"""What a partner's ``[transport]`` of kind ``as2`` says, resolved. Secrets are here in the clear, and never shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from gateway.errors import SettingsInvalid
from gateway.transport.as2.terms import Terms
from gateway.transport.cms.certificates import Certificate

_END = b"-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """What we show to a server. ``chain`` is PEM: the certificate first, then those of the authorities between."""

    certificate: Certificate
    chain: bytes = field(repr=False)
    key: str = field(repr=False)
    passphrase: str = field(default="", repr=False)

    @classmethod
    def load(cls, chain: bytes, key: str, passphrase: str = "") -> "ClientCertificate":
        """Raises SettingsInvalid where the first certificate of the chain is none."""
        if _END not in chain:
            fix = "Name a file of PEM certificates, the client's first"
            raise SettingsInvalid("the certificate is not usable: it is no PEM", where="certificate", fix=fix)
        first = chain[: chain.index(_END) + len(_END)]
        return cls(certificate=Certificate.load(first), chain=chain, key=key, passphrase=passphrase)


@dataclass(frozen=True, slots=True, kw_only=True)
class As2Settings:
    """``pins`` are fingerprints (``SHA256:`` and 64 hexadecimal digits) of the certificates that the server may show.

    Without any, the system's authorities vouch for it. ``spool`` is the folder for what is too large for memory;
    ``restart`` says that the partner takes up a message where it was cut off.
    """

    kind: ClassVar[str] = "as2"
    terms: Terms
    url: str
    pins: tuple[str, ...] = ()
    clients: Sequence[ClientCertificate] = ()
    username: str = ""
    password: str = field(default="", repr=False)
    restart: bool = False
    timeout_s: float = 60.0
    spool: Path | None = None

    def client(self, at: datetime) -> ClientCertificate | None:
        """The newest of our client certificates that is valid; None where none is named. Raises SettingsInvalid."""
        valid = [each for each in self.clients if not each.certificate.problem(at)]
        if self.clients and not valid:
            why = "; ".join(each.certificate.problem(at) for each in self.clients)
            fix = "Put a valid one beside it under [[transport.tls_client]]"
            raise SettingsInvalid(
                f"no client certificate is valid ({why})", where=f"partner {self.terms.partner}", fix=fix
            )
        return max(valid, key=lambda each: each.certificate.starts, default=None)
