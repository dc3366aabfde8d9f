"""What both sides of an AS2 relation agreed on, resolved: certificates are loaded, nothing is a reference any more."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gateway.errors import GatewayError
from gateway.transport.as2.transfer import Encoding
from gateway.transport.cms import CIPHERS, DIGESTS, EXPANSION_MAX, USUAL, WEAK, Certificate, Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one message may be. Sizes are bytes."""

    body_max: int = 2 * 1024**3  # after decryption and decompression too
    expansion_max: int = EXPANSION_MAX  # times what a compressed part may grow
    parts_max: int = 100
    nesting_max: int = 4  # multiparts within multiparts
    header_bytes_max: int = 16 * 1024  # of one header block, the message's own or a part's
    header_line_max: int = 4 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One partner's AS2 relation, seen from us. Several certificates stand in one place while one succeeds another.

    ``sign`` and ``encrypt`` name what we send under, "" for not at all; ``allow`` names weak algorithms that the
    partner may use (sha1, 3des, oaep-sha1, rsa1024); ``least_digest`` and ``least_key_bits`` are its floor above that.
    """

    partner: str  # name of its file
    us: str  # AS2 names
    them: str
    sign: str = "sha256"
    pss: bool = False
    encrypt: str = "aes256-cbc"
    key_transport: str = "pkcs1v15"
    compress: Literal["", "before", "after"] = ""  # relative to signing
    transfer_encoding: Encoding = "binary"
    content_type: str = "application/edi-x12"
    subject: str = "EDI"
    send_names: bool = True  # our names of parts go along
    mdn: Literal["sync", "async", "none"] = "sync"
    mdn_signed: bool = True
    mdn_url: str = ""  # ours, where an asynchronous receipt goes to
    require_signature: bool = True
    require_encryption: bool = True
    allow: frozenset[str] = frozenset()
    least_digest: str = "sha256"
    least_key_bits: int = 128  # of content encryption
    illegal_names: Literal["refuse", "clean"] = "refuse"
    our_signers: Sequence[Identity] = ()  # the first that is valid signs
    our_decryptors: Sequence[Identity] = ()  # all are tried
    their_signers: Sequence[Certificate] = field(default=())  # a signature under any valid one counts
    their_encryption: Sequence[Certificate] = field(default=())  # the first that is valid is used
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        assert self.allow <= WEAK, "settings let no other name through"
        assert self.sign in ("", *DIGESTS), "settings know the digests"
        assert not self.encrypt or self.encrypt in CIPHERS, "settings know the ciphers"

    @property
    def digests(self) -> frozenset[str]:
        """What a signature and a MIC of theirs may be made with."""
        known = frozenset(each for each in DIGESTS if each in USUAL or each in self.allow)
        weaker = DIGESTS[: DIGESTS.index(self.least_digest)]  # They stand from the weakest on.
        return known - frozenset(each for each in weaker if each not in self.allow)

    @property
    def allowed(self) -> frozenset[str]:
        """Every algorithm that the partner may use, by name."""
        short = frozenset(
            name
            for name, each in CIPHERS.items()
            if each.key_length * 8 < self.least_key_bits and name not in self.allow
        )
        return ((USUAL | self.allow) - frozenset(DIGESTS) - short) | self.digests

    def signer(self, at: datetime) -> Identity:
        """Who signs for us now. Raises GatewayError where nobody may."""
        for each in self.our_signers:
            if not each.certificate.problem(at, "sign"):
                return each
        raise self._nobody("sign with", [each.certificate for each in self.our_signers], at, "sign")

    def pinned(self, at: datetime) -> list[Certificate]:
        """Whose signatures count, those that are valid now first: a renewed certificate can have the key of the old."""
        return sorted(self.their_signers, key=lambda each: bool(each.problem(at, "sign")))

    def recipient(self, at: datetime) -> Certificate:
        """Whom we encrypt for now. Raises GatewayError where none is valid."""
        for each in self.their_encryption:
            if not each.problem(at, "encrypt"):
                return each
        raise self._nobody("encrypt for", self.their_encryption, at, "encrypt")

    def _nobody(
        self, purpose: str, certificates: Sequence[Certificate], at: datetime, use: Literal["sign", "encrypt"]
    ) -> GatewayError:
        why = "; ".join(f"{each.fingerprint[:19]}: {each.problem(at, use)}" for each in certificates)
        return GatewayError(
            f"there is no certificate to {purpose} ({why or 'none is named'})",
            where=f"partner {self.partner}",
            fix="Put a valid certificate beside the old one",
        )
