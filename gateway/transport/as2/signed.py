"""Signatures over MIME parts, which some products make over other line ends than they send. RFC 1847; RFC 8551, 3.1.

The bytes as they came are tried first, then with a line break added or taken away at their end, then with all line
breaks as CRLF. Content is hashed once where the first one is right. What is handed on is never changed: a signature
that is over another form covers all of it but how its lines end.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from gateway.transport.as2.disposition import (
    AUTHENTICATION_FAILED,
    INSUFFICIENT_SECURITY,
    INTEGRITY_CHECK_FAILED,
    As2Refused,
)
from gateway.transport.as2.layers import Layer, cms_source, layer_of
from gateway.transport.as2.mic import digests_of
from gateway.transport.as2.mime import Entity, malformed, read_entity, split
from gateway.transport.as2.terms import Terms
from gateway.transport.as2.transfer import BadEncoding
from gateway.transport.cms import (
    Certificate,
    CmsError,
    ContentAltered,
    SignatureWrong,
    Weak,
    digest_algorithms,
    read_signed,
    verify,
)
from gateway.transport.spool import NewSpool, Spool, Window

SIGNATURE_MAX = 1024 * 1024
"""Bytes of a detached signature in its transfer encoding."""

_EVERY_BREAK = re.compile(rb"\r\n|\r|\n")
_LONE_FEED = re.compile(rb"(?<!\r)\n")

Digests = Mapping[str, bytes]
MoreDigests = Callable[[str], Collection[str]]


@dataclass(frozen=True, slots=True)
class Signed:
    """The content as it came, who signed it, under which digest algorithm, and the digests of what was signed."""

    content: Window
    certificate: Certificate
    algorithm: str
    digests: Digests


def opened_signature(
    entity: Entity, *, terms: Terms, at: datetime, spool: NewSpool, mic: MoreDigests = lambda _: ()
) -> Signed:
    """What a signed entity holds, and who signed it: only a pinned certificate that is valid now counts.

    ``mic`` tells which digests are needed besides, for a signature of the algorithm that it is handed. Raises
    As2Refused.
    """
    try:
        if layer_of(entity) == Layer.OPAQUE:
            found = _opaque(entity, terms, at, spool, mic)
        else:
            found = _detached(entity, terms, at, mic)
    except BadEncoding as error:
        raise As2Refused(AUTHENTICATION_FAILED, error.what, fix=error.fix) from error
    except CmsError as error:
        raise _refused(error) from error
    if problem := found.certificate.problem(at, "sign"):
        fix = "Put the certificate that they sign with now beside it in the partner's file"
        what = f"it is signed under {found.certificate.fingerprint}, and {problem}"
        raise As2Refused(AUTHENTICATION_FAILED, what, fix=fix)
    return found


def _opaque(entity: Entity, terms: Terms, at: datetime, spool: NewSpool, mic: MoreDigests) -> Signed:
    """RFC 8551, 3.5.2: the content lies within the signature."""
    target = spool()
    found = read_signed(cms_source(entity, spool), target, terms.pinned(at), allowed=terms.allowed)
    content = target.window()
    missing = [each for each in mic(found.algorithm) if each not in found.digests]
    digests = {**found.digests, **digests_of(content.pieces(), missing)} if missing else found.digests
    return Signed(content, found.certificate, found.algorithm, digests)


def _detached(entity: Entity, terms: Terms, at: datetime, mic: MoreDigests) -> Signed:
    """RFC 1847: content first, signature second, and nothing else."""
    parts = split(entity.body, entity.type.get("boundary"), terms.limits)
    if len(parts) != 2:
        raise malformed(f"a signed message has {len(parts)} parts and not two")
    content, holder = parts[0], read_entity(parts[1], terms.limits)
    if holder.type.kind not in ("application/pkcs7-signature", "application/x-pkcs7-signature"):
        raise malformed("the second part of a signed message is no signature")
    if holder.body.size > SIGNATURE_MAX:
        raise malformed(f"a signature is larger than {SIGNATURE_MAX} bytes")
    signature = cms_source(holder, Spool).read()
    made_with = [each for each in digest_algorithms(signature) if each in terms.digests]
    algorithms = {*made_with, *(more for each in made_with for more in mic(each))}
    first: SignatureWrong | None = None
    for digests in _variants(content, algorithms):
        try:
            good = verify(signature, digests, terms.pinned(at), allowed=terms.allowed)
        except SignatureWrong as wrong:
            first = first or wrong
        else:
            return Signed(content, good.certificate, good.algorithm, digests)
    assert first is not None, "the bytes as they came were tried"
    raise first


def _refused(error: CmsError) -> As2Refused:
    """The RFC's words for what is wrong with a signature."""
    disposition = AUTHENTICATION_FAILED
    if isinstance(error, Weak):
        disposition = INSUFFICIENT_SECURITY
    elif isinstance(error, ContentAltered):
        disposition = INTEGRITY_CHECK_FAILED
    return As2Refused(disposition, error.what, fix=error.fix)


def _variants(content: Window, algorithms: Collection[str]) -> Iterator[Digests]:
    yield from _ends(content.pieces(), algorithms)
    yield from _ends(_with_crlf(content.pieces(), _EVERY_BREAK), algorithms)
    yield from _ends(_with_crlf(content.pieces(), _LONE_FEED), algorithms)


def _ends(pieces: Iterable[bytes], algorithms: Collection[str]) -> Iterator[Digests]:
    """Digests of the content, with CRLF behind it, and without the line break at its end: one pass for all."""
    running = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    held = b""
    for piece in pieces:
        if len(piece) < 2:  # The two bytes at the end stay together.
            held += piece
            continue
        for each in running.values():
            each.update(held)
        held = piece
    broken = 2 if held.endswith(b"\r\n") else 1 if held.endswith(b"\n") else 0
    ends = [held, held + b"\r\n"] + ([held[:-broken]] if broken else [])
    for end in ends:
        copies = {name: each.copy() for name, each in running.items()}
        for each in copies.values():
            each.update(end)
        yield {name: each.digest() for name, each in copies.items()}


def _with_crlf(pieces: Iterable[bytes], breaks: re.Pattern[bytes]) -> Iterator[bytes]:
    """The content with its line breaks as CRLF, wherever a piece ends."""
    held = b""
    for piece in chain(pieces, (None,)):
        held += piece or b""
        whole = len(held) - (piece is not None and held.endswith(b"\r"))
        ready, held = held[:whole], held[whole:]
        if ready:
            yield breaks.sub(b"\r\n", ready)
