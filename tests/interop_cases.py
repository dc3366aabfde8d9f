"""The cases of the interoperability matrix: who builds, under which protection and algorithms, in which encoding, what.

Every protection meets every transfer encoding and every ending of a payload; algorithms are gone through one by one
under the protections that use them. What a peer has no way to say at all stands in no case; what it says and does
wrongly does, and is explained in ``fixtures/interop_exceptions.toml``.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from as2_peers import Wish
from as2_running import between

PAYLOADS = {
    "LF": b"ISA*00*~\nIEA*1*1~\n",
    "CR": b"ISA*00*~\rIEA*1*1~\r",
    "CRLF": b"ISA*00*~\r\nIEA*1*1~\r\n",
    "none": b"ISA*00*~IEA*1*1~",
    "bytes": bytes(range(256)) + b"\r\n\n\r.\r\n--\r\n" + bytes(range(255, -1, -1)),
    "empty": b"",
    "large": random.Random(4130).randbytes(5 * 256 * 1024 + 7),
}
SMALL = tuple(PAYLOADS)[:-1]
ENCODINGS = ("binary", "8bit", "7bit", "base64", "quoted-printable", "")
PROTECTIONS = {
    "sign": Wish(sign="sha256"),
    "encrypt": Wish(encrypt="aes256-cbc"),
    "sign, encrypt": Wish(sign="sha256", encrypt="aes256-cbc"),
    "compress": Wish(compress="before"),
    "compress, sign": Wish(sign="sha256", compress="before"),
    "sign, compress": Wish(sign="sha256", compress="after"),
    "compress, encrypt": Wish(encrypt="aes256-cbc", compress="before"),
    "compress, sign, encrypt": Wish(sign="sha256", encrypt="aes256-cbc", compress="before"),
    "sign, compress, encrypt": Wish(sign="sha256", encrypt="aes256-cbc", compress="after"),
}
DIGESTS = ("sha1", "sha256", "sha384", "sha512")
CIPHERS = ("3des", *(f"aes{bits}-{mode}" for bits in (128, 192, 256) for mode in ("cbc", "gcm")))
OAEP = tuple(f"oaep-{digest}" for digest in DIGESTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message and the receipt for it. ``we_build`` says who sends; ``payload`` is a key of PAYLOADS."""

    peer: str
    we_build: bool
    protection: str
    wish: Wish
    payload: str

    @property
    def row(self) -> tuple[str, str, str]:
        """Where it stands in its table: protection, algorithms, encoding."""
        wish = self.wish
        signature = "PSS" if wish.pss else "ECDSA" if wish.me.endswith("_ec") else ""
        transport = "" if wish.transport == "pkcs1v15" else wish.transport
        mask = f"mask-{wish.mask}" if wish.mask else ""
        ways = [name for name in ("opaque", "keyid", "ber", "bare", "also") if getattr(wish, name)]
        ways += [f"wrap-{wish.wrap or 'unsaid'}"] * (wish.wrap != "binary")
        ways += ["text/plain"] * (wish.type == "text/plain")
        words = (wish.sign, signature, wish.encrypt, transport, mask, *ways)
        return self.protection, " ".join(filter(None, words)), wish.encoding or "not said"

    @property
    def facts(self) -> dict[str, str]:
        """What an exception may name."""
        wish = self.wish
        ours = {"peer": self.peer, "builds": "we" if self.we_build else "they", "payload": self.payload}
        theirs = {name: str(getattr(wish, name)) for name in ("sign", "encrypt", "compress", "encoding", "type")}
        return {**ours, **theirs, "protection": self.protection, "transport": wish.transport}


def cases(peer: str) -> Iterator[Case]:
    """All of one peer, first those that it builds."""
    for we_build in (False, True):
        sender, reader = ("us", "them") if we_build else ("them", "us")
        wishes = _libas2(we_build) if peer == "libas2" else _all(peer, we_build)
        for protection, wish, payload in dict.fromkeys(wishes):
            parties = between(wish, sender, reader)
            yield Case(peer=peer, we_build=we_build, protection=protection, wish=parties, payload=payload)


def _all(peer: str, we_build: bool) -> Iterator[tuple[str, Wish, str]]:
    can_compress = peer == "BouncyCastle"
    for protection, wish in PROTECTIONS.items():
        if wish.compress and not can_compress:
            yield protection, wish, "bytes"
            continue
        for encoding in ENCODINGS[:-1] if we_build else ENCODINGS:  # We say it always.
            for payload in SMALL:
                yield protection, replace(wish, encoding=encoding), payload
        yield protection, wish, "large"
    for wish in _algorithms():
        able = wish if can_compress else replace(wish, compress="")
        yield _protection(able), able, "none"
    if not we_build:
        for wish in _shapes(peer):
            yield _protection(wish), wish, "bytes"


def _algorithms() -> Iterator[Wish]:
    for digest in DIGESTS:
        yield Wish(sign=digest)
        yield Wish(sign=digest, pss=True)
        yield Wish(sign=digest, me="them_ec")
    for cipher in CIPHERS:
        yield Wish(encrypt=cipher)
    for transport in OAEP:
        yield Wish(encrypt="aes256-cbc", transport=transport)
        yield Wish(encrypt="aes128-gcm", transport=transport)
        yield Wish(sign="sha512", pss=True, encrypt="aes256-gcm", transport=transport, compress="before")


def _shapes(peer: str) -> Iterator[Wish]:
    """Other ways of writing the same thing, which we read and do not write."""
    both = Wish(sign="sha256", encrypt="aes256-cbc")
    yield replace(both, keyid=True)
    yield replace(both, keyid=True, encrypt="aes256-gcm", transport="oaep-sha256")
    yield replace(both, also="other")
    yield replace(both, transport="oaep-sha256", mask="sha1")  # Java's own default.
    yield Wish(sign="sha256", opaque=True, encoding="base64")
    yield replace(both, opaque=True, wrap="base64", encoding="base64")
    if peer == "OpenSSL":
        yield Wish(encrypt="aes256-cbc", ber=True)
        yield replace(both, ber=True, opaque=True)
        yield Wish(encrypt="aes256-gcm", ber=True)
        yield Wish(encrypt="aes128-cbc", wrap="")
        yield Wish(sign="sha256", bare=True)
    else:
        yield replace(both, compress="after", wrap="base64")
        yield Wish(sign="sha256", compress="before", wrap="")
        yield replace(both, compress="after", wrap="")


def _libas2(we_build: bool) -> Iterator[tuple[str, Wish, str]]:
    """It chooses the encoding itself: base64, and for text/plain what the text needs."""
    text = Wish(type="text/plain", encoding="")
    for protection, wish in PROTECTIONS.items():
        if wish.compress:
            yield protection, replace(wish, encoding="base64"), "LF"
            continue
        for encoding in ENCODINGS[:-1] if we_build else ("base64",):
            for payload in SMALL:
                yield protection, replace(wish, encoding=encoding), payload
    if not we_build:
        for payload in ("LF", "CR", "CRLF", "none", "empty"):
            yield "sign", replace(text, sign="sha256"), payload
            yield "sign, encrypt", replace(text, sign="sha256", encrypt="aes256-cbc"), payload
    for digest in DIGESTS:
        yield "sign", Wish(sign=digest, encoding="base64"), "none"
    for cipher in CIPHERS:
        yield "encrypt", Wish(encrypt=cipher, encoding="base64"), "none"
        yield "sign, encrypt", Wish(sign="sha256", encrypt=cipher, encoding="base64"), "none"


def _protection(wish: Wish) -> str:
    for name, each in PROTECTIONS.items():
        if (bool(each.sign), bool(each.encrypt), each.compress) == (bool(wish.sign), bool(wish.encrypt), wish.compress):
            return name
    raise AssertionError("every way of protecting has a name")
