"""The message integrity check that a receipt gives back, in every spelling that is seen. RFC 4130, 7.3.1 and 7.4.3."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

LENGTHS = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
"""Bytes of each digest that a MIC may be; MD5 is none of them."""

SPELLINGS = {"sha1": "sha1", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
"""How we write them: RFC 8551, 3.5.3.2, but SHA-1 as RFC 4130 does."""


def digest_name(spelled: str) -> str:
    """Our name (``sha256``) of an algorithm that a header spells in its own way; "" for one that is not known."""
    plain = spelled.strip().strip('"').lower().replace("_", "-").removeprefix("rsa-")
    plain = plain.replace("sha2-", "sha").replace("sha-", "sha")
    return plain if plain in LENGTHS else ""


@dataclass(frozen=True, slots=True)
class Mic:
    """``digest`` is base64, ``algorithm`` our name of it; ``spelled`` is how the other side spells that, if it did."""

    digest: str
    algorithm: str
    spelled: str = ""

    @classmethod
    def of(cls, digest: bytes, algorithm: str, spelled: str = "") -> "Mic":
        return cls(base64.b64encode(digest).decode(), algorithm, spelled)

    def __str__(self) -> str:
        return f"{self.digest}, {self.spelled or SPELLINGS[self.algorithm]}"

    def same(self, other: "Mic") -> bool:
        """The same digest under the same algorithm, however each is spelled."""
        return self.algorithm == other.algorithm and hmac.compare_digest(_octets(self.digest), _octets(other.digest))

    @classmethod
    def read(cls, text: str) -> "Mic | None":
        """A ``Received-Content-MIC``; None where it is none. Without an algorithm, the digest's length tells it."""
        digest, _, spelled = text.replace(";", ",").partition(",")
        digest, spelled = "".join(digest.split()).strip('"'), spelled.strip().strip('"')
        octets = _octets(digest)
        algorithm = digest_name(spelled)
        if not spelled:
            algorithm = {length: name for name, length in LENGTHS.items()}.get(len(octets), "")
        if not algorithm or len(octets) != LENGTHS[algorithm]:
            return None
        return cls(digest, algorithm, spelled)


def digests_of(pieces: Iterable[bytes], algorithms: Collection[str]) -> Mapping[str, bytes]:
    """Digests of content, by name of their algorithm, in one pass."""
    running = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    for piece in pieces:
        for each in running.values():
            each.update(piece)
    return {name: each.digest() for name, each in running.items()}


def _octets(digest: str) -> bytes:
    try:
        return base64.b64decode(digest.rstrip("=") + "=" * (-len(digest.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
