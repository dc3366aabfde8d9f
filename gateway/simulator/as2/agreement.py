"""What this company and its one AS2 partner agreed on: the table ``[as2]`` of the company's TOML file.

Files are named relative to that file. It reads certificates and never a key: this company makes its own.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.simulator.as2.cms import CIPHERS, DIGESTS
from gateway.simulator.as2.faults import MEET, PER_MILLE, Direction, Fault, Faults
from gateway.simulator.company import CompanyInvalid

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """``name`` and ``partner`` are the AS2 names of this company and of the partner. ``url``: where the partner
    listens; "" leaves answers in ``outbound`` for who fetches them.

    ``compress`` before or after signing; ``mdn``: how this company wants its receipts. ``within_s``: an asynchronous
    receipt is waited for so long before the message is sent again. Sizes are bytes, before and after decompression.
    """

    name: str = "SIMPAYER"
    partner: str = "GATEWAY"
    port: int = 0
    url: str = ""
    partner_certificates: tuple[x509.Certificate, ...] = ()  # any of them may have signed
    encrypt_to: x509.Certificate | None = None  # left out: the first of those above
    sign: str = "sha256"
    encrypt: str = "aes256-cbc"
    compress: str = ""
    content_type: str = "application/edi-x12"
    mdn: str = "sync"
    mdn_url: str = ""  # for asynchronous ones: where this company listens; left out: on its own port
    mdn_signed: bool = True
    require_signature: bool = True
    require_encryption: bool = True
    tls: bool = False
    tls_trust: Path | None = None  # PEM: what the partner's listener may show; left out: the certificates above
    body_max: int = 64 * MIB
    connections: int = 2
    timeout_s: float = 30.0
    retry_s: float = 1.0
    retry_max_s: float = 30.0
    within_s: float = 30.0
    late_s: float = 4.0
    slow_s: float = 2.0
    retry_after_s: int = 1
    faults: Faults = field(default_factory=Faults)

    @property
    def recipient(self) -> x509.Certificate | None:
        """Whom messages are encrypted to."""
        return self.encrypt_to or next(iter(self.partner_certificates), None)


CHOICES = {
    "sign": ("", *DIGESTS),
    "encrypt": ("", *CIPHERS),
    "compress": ("", "before", "after"),
    "mdn": ("sync", "async", "none"),
}


def load(path: Path) -> Agreement | None:
    """The agreement of a company's file, None where it has no table ``[as2]``; CompanyInvalid names the mistake."""
    try:
        company = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CompanyInvalid(f"{path}: {error}") from error
    if "as2" not in company:
        return None
    table = company["as2"]
    if not isinstance(table, dict):
        raise CompanyInvalid(f"{path}: as2 must be a table")
    reading = _Reading(path, int(company.get("seed", 0)))
    return reading.agreement(table)


@dataclass(frozen=True, slots=True)
class _Reading:
    path: Path
    seed: int

    def wrong(self, what: str) -> CompanyInvalid:
        return CompanyInvalid(f"{self.path}: [as2] {what}")

    def agreement(self, table: Mapping[str, Any]) -> Agreement:
        special: dict[str, Callable[[Any], object]] = {
            "partner_certificates": lambda names: tuple(self.certificate(each) for each in self.texts(names)),
            "encrypt_to": self.certificate,
            "tls_trust": self.file,
            "faults": self.faults,
        }
        plain = Agreement()
        known = {each.name for each in fields(Agreement)}
        given: dict[str, Any] = {}
        for key, value in table.items():
            if key not in known:
                raise self.wrong(f"nobody knows the key {key}; known are {', '.join(sorted(known))}")
            given[key] = special[key](value) if key in special else self.simple(key, value, getattr(plain, key))
        made = replace(plain, **given)
        self.check(made)
        return made

    def simple(self, key: str, value: object, default: object) -> object:
        wanted = type(default)
        right = isinstance(value, (int, float) if wanted is float else wanted)
        if not right or (isinstance(value, bool) and wanted is not bool):
            raise self.wrong(f"{key} must be of type {wanted.__name__}")
        if key in CHOICES and value not in CHOICES[key]:
            raise self.wrong(f"{key} must be one of {', '.join(repr(each) for each in CHOICES[key])}")
        return value

    def check(self, made: Agreement) -> None:
        if (made.require_signature or made.mdn_signed) and not made.partner_certificates:
            raise self.wrong("partner_certificates must name what the partner signs with")
        parts = urlsplit(made.url)
        if made.url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise self.wrong("url must begin with http:// or https:// and name a host")
        if made.url and made.encrypt and (made.recipient is None or not _is_rsa(made.recipient)):
            raise self.wrong("encrypt_to must be a certificate with an RSA key")

    def texts(self, value: object) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong("expected is a list of texts")
        return value

    def file(self, name: object) -> Path:
        if not isinstance(name, str) or not (found := self.path.parent / name).is_file():
            raise self.wrong(f"there is no file {name}")
        return found

    def certificate(self, name: object) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(self.file(name).read_bytes())
        except ValueError as error:
            raise self.wrong(f"{name} is no certificate in PEM") from error

    def faults(self, table: object) -> Faults:
        if not isinstance(table, dict):
            raise self.wrong("faults must be a table")
        given: dict[str, Any] = {"seed": self.seed, "chances": {}}
        for key, value in table.items():
            match key:
                case "seed" | "attempts":
                    given[key] = self.simple(key, value, 0)
                case "incoming" | "outgoing":
                    direction = Direction.IN if key == "incoming" else Direction.OUT
                    given[key] = tuple(self.listed(each, direction) for each in self.texts(value))
                case "messages" if isinstance(value, dict):
                    given[key] = {name: self.listed(each) for name, each in value.items()}
                case _ if key in set(Fault) - {Fault.NONE}:
                    given["chances"][Fault(key)] = self.simple(key, value, 0)
                case _:
                    raise self.wrong(
                        f"nobody knows the fault {key}; known are {', '.join(each for each in Fault if each)}"
                    )
        for faults in MEET.values():
            chances = [given["chances"].get(each, 0) for each in faults]
            if min(chances) < 0 or sum(chances) > PER_MILLE:
                raise self.wrong(f"the chances of faults sum to {PER_MILLE} at most, for what comes and for what goes")
        return Faults(**given)

    def listed(self, value: object, direction: Direction | None = None) -> str:
        """The faults of one message, one for each attempt, with spaces between."""
        allowed = {*(MEET[direction] if direction else Fault), "-"}
        if not isinstance(value, str) or not set(value.split()) <= allowed:
            raise self.wrong(f"a fault is one of {', '.join(sorted(each for each in allowed if each))}")
        return value


def _is_rsa(certificate: x509.Certificate) -> bool:
    return isinstance(certificate.public_key(), rsa.RSAPublicKey)
