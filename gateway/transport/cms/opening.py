"""Decrypts EnvelopedData and AuthEnvelopedData, BER or DER. RFC 5652, 6; RFC 5083, 5084; RFC 3218 for RSA's padding.

Never tells a wrong key from wrong padding, and never leaves content behind that turned out not to be authentic.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from asn1crypto import core
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, CipherContext
from cryptography.hazmat.primitives.padding import PKCS7

from gateway.transport.cms.algorithms import (
    AUTH_ENVELOPED_DATA,
    CIPHERS,
    DATA,
    ENVELOPED_DATA,
    USUAL,
    ContentCipher,
    cipher_name,
    identified,
    read_key_transport,
    require,
    understood,
)
from gateway.transport.cms.ber import PIECE, SEQUENCE, SET, Reader, children, octets, tlv
from gateway.transport.cms.certificates import Certificate, Identity
from gateway.transport.cms.enveloping import ENCRYPTED_CONTENT, content_cipher
from gateway.transport.cms.errors import DecryptionFailed, Malformed, NotForUs, Tampered, TooLarge
from gateway.transport.cms.naming import Name
from gateway.transport.cms.signing import CONTENT_TYPE
from gateway.transport.cms.streams import Source, Target, closed_on_error

RECIPIENTS_MAX = 256
_ORIGINATOR, _UNPROTECTED = 0xA0, 0xA1
_AUTHENTICATED, _UNAUTHENTICATED = 0xA1, 0xA2
_TAG_LENGTHS = range(12, 17)  # RFC 5084, 3.2
_NONCE_LENGTHS = range(8, 129)
_BLOCK_LENGTH_MAX = 16
_AGAIN = "Ask the sender to send it again, encrypted for our current certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decrypted:
    """What the content was encrypted with, and the certificate of ours that it was encrypted for."""

    cipher: str
    key_transport: str
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class _Offer:
    """The content key, encrypted for one of our identities."""

    identity: Identity
    transport: bytes  # AlgorithmIdentifier
    encrypted_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Sealing:
    """How the content is encrypted: ``nonce`` is CBC's initialization vector or GCM's nonce."""

    name: str
    kind: ContentCipher
    nonce: bytes
    tag_length: int


def decrypt(
    source: Source, target: Target, identities: Sequence[Identity], *, allowed: Collection[str] = USUAL
) -> Decrypted:
    """Writes the content to the target, opened with whichever of our identities it was encrypted for.

    Content is written before it is known to be authentic, so the target must be a spool of the caller's own that nobody
    else reads; on every error it is closed, so that nothing can be read from it. CBC has no authentication at all: what
    comes out counts only once its signature was verified. Where GCM's content has authenticated attributes the source
    is read twice.

    Raises NotForUs, Weak, DecryptionFailed (Tampered for GCM), Malformed or TooLarge.
    """
    with closed_on_error(target):
        reader = Reader(source)
        reader.enter(SEQUENCE)
        kind = reader.element()
        if kind not in (ENVELOPED_DATA, AUTH_ENVELOPED_DATA):
            raise Malformed(
                "this is no encrypted content", fix="Ask the sender what they sent; EnvelopedData was expected"
            )
        reader.enter(0xA0)
        reader.enter(SEQUENCE)
        reader.element()  # The version follows from what is in it.
        if reader.next_tag() == _ORIGINATOR:
            reader.element()
        offer = _offer(reader, identities)
        offer.identity.certificate.require_strength(allowed)
        sealing = _sealing(reader, authenticated=kind == AUTH_ENVELOPED_DATA, allowed=allowed)
        transport, padded = read_key_transport(offer.transport, allowed)
        key = _content_key(offer, padded, sealing.kind)
        if sealing.kind.mode == "gcm":
            _open_gcm(reader, target, sealing, key)
        else:
            _open_cbc(reader, target, sealing, key)
        return Decrypted(cipher=sealing.name, key_transport=transport, certificate=offer.identity.certificate)


def _offer(reader: Reader, identities: Sequence[Identity]) -> _Offer:
    """The first recipient info that names one of our identities. Raises NotForUs where none does.

    No second one is ever tried: a sender who names us twice, with a key of theirs behind one that they want to know
    about, would learn from our success that the first one was no key.
    """
    offer, count = None, 0
    reader.enter(SET)
    while not reader.at_end():
        element = reader.element()
        count += 1
        if count > RECIPIENTS_MAX:
            raise TooLarge(f"more than {RECIPIENTS_MAX} recipients", fix="Ask the sender to encrypt for us alone")
        if offer is None and element[0] == SEQUENCE:  # Others are key agreement, passwords and the like.
            offer = _matched(element, identities)
    reader.leave()
    if offer is None:
        raise NotForUs(
            f"it is encrypted for {count} recipients, and none is a certificate of ours",
            fix="Send the partner our current encryption certificate",
        )
    return offer


def _matched(element: bytes, identities: Sequence[Identity]) -> _Offer | None:
    """What a KeyTransRecipientInfo holds for one of the identities."""
    with understood("a recipient's part"):
        _, named, transport, encrypted_key = children(element)
        name, key = Name(named), octets(encrypted_key)
    return next((_Offer(each, transport, key) for each in identities if name.means(each.certificate)), None)


def _sealing(reader: Reader, *, authenticated: bool, allowed: Collection[str]) -> _Sealing:
    """Steps up to the encrypted content. Raises Weak or Malformed."""
    reader.enter(SEQUENCE)
    if reader.element() != DATA:
        raise Malformed("what is encrypted is said not to be plain data", fix="Ask the sender to encrypt a MIME entity")
    dotted, parameters = identified(reader.element())
    name = cipher_name(dotted)
    require("the content encryption", name, allowed, CIPHERS)
    kind = CIPHERS[name]
    if (kind.mode == "gcm") != authenticated:
        raise Malformed(
            f"{name} does not belong into this kind of message",
            fix="Ask the sender for AuthEnvelopedData with GCM, and EnvelopedData with CBC (RFC 5084)",
        )
    with understood("the parameters of the content encryption"):
        nonce, tag_length = _gcm_parameters(parameters) if authenticated else (octets(parameters), 0)
        if len(nonce) not in (_NONCE_LENGTHS if authenticated else (kind.block_length,)):
            raise ValueError("no such length")
    return _Sealing(name, kind, nonce, tag_length)


def _gcm_parameters(parameters: bytes) -> tuple[bytes, int]:
    """Nonce and length of the tag, which is 12 where it is left out. RFC 5084, 3.2."""
    nonce, *length = children(parameters)
    tag_length = int(core.Integer.load(length[0], strict=True).native) if length else _TAG_LENGTHS.start
    if parameters[0] != SEQUENCE or len(length) > 1 or tag_length not in _TAG_LENGTHS:
        raise ValueError("no GCMParameters")
    return octets(nonce), tag_length


def _content_key(offer: _Offer, padded: padding.AsymmetricPadding, kind: ContentCipher) -> bytes:
    """The content key. Where none comes out that fits, a random one takes its place: what follows fails in the same way
    for a wrong key, wrong padding and wrong length, and in much the same time (RFC 3218, 2.3.2)."""
    spare = secrets.token_bytes(kind.key_length)
    if not isinstance(offer.identity.key, rsa.RSAPrivateKey):
        return spare
    try:
        # OpenSSL itself answers wrong PKCS#1 v1.5 padding with random bytes.
        key = offer.identity.key.decrypt(offer.encrypted_key, padded)
    except ValueError:
        return spare
    return key if len(key) == kind.key_length else spare


def _open_cbc(reader: Reader, target: Target, sealing: _Sealing, key: bytes) -> None:
    block = sealing.kind.block_length
    decryptor = content_cipher(sealing.kind, key, sealing.nonce).decryptor()
    last = b""  # The padding is in the last block, which stays back until the end.
    for piece in _deciphered(reader.octets(ENCRYPTED_CONTENT), decryptor):
        if len(piece):
            target.write(last)
            target.write(piece[:-block])
            last = bytes(piece[-block:])
    reader.leave()
    if reader.next_tag() == _UNPROTECTED:
        reader.element()
    _leave_all(reader)
    unpadder = PKCS7(block * 8).unpadder()
    try:
        decryptor.finalize()
        target.write(unpadder.update(last) + unpadder.finalize())
    except ValueError:
        raise DecryptionFailed("the content cannot be decrypted", fix=_AGAIN) from None


def _open_gcm(reader: Reader, target: Target, sealing: _Sealing, key: bytes) -> None:
    start = reader.position
    decryptor = content_cipher(sealing.kind, key, sealing.nonce, sealing.tag_length).decryptor()
    for piece in _deciphered(reader.octets(ENCRYPTED_CONTENT), decryptor):
        target.write(piece)
    reader.leave()
    attributes = children(reader.element()) if reader.next_tag() == _AUTHENTICATED else []
    with understood("the authentication tag"):
        tag = octets(reader.element())
        if len(tag) != sealing.tag_length:
            raise ValueError("not as long as was said")
    if reader.next_tag() == _UNAUTHENTICATED:
        reader.element()
    _leave_all(reader)
    if attributes:
        decryptor = _with_attributes(reader.again(start), attributes, sealing, key)
    assert isinstance(decryptor, AEADDecryptionContext), "GCM is authenticated"
    try:
        decryptor.finalize_with_tag(tag)
    except InvalidTag:
        raise Tampered("the content cannot be decrypted: its authentication tag does not fit", fix=_AGAIN) from None
    for attribute in attributes:
        if children(attribute)[:1] == [CONTENT_TYPE] and children(attribute)[1:] != [tlv(SET, DATA)]:
            raise Malformed(
                "the attributes of the content say that it is no data", fix="Ask the sender to encrypt anew"
            )


def _with_attributes(reader: Reader, attributes: Sequence[bytes], sealing: _Sealing, key: bytes) -> CipherContext:
    """The authentication of the same content with its attributes, which come after it but must be known before it.

    They are authenticated as a SET in DER (RFC 5083, 2.2). What is deciphered is the same, and already written.
    """
    decryptor = content_cipher(sealing.kind, key, sealing.nonce, sealing.tag_length).decryptor()
    assert isinstance(decryptor, AEADDecryptionContext), "GCM is authenticated"
    decryptor.authenticate_additional_data(tlv(SET, *sorted(attributes)))
    for _ in _deciphered(reader.octets(ENCRYPTED_CONTENT), decryptor):
        pass
    return decryptor


def _deciphered(pieces: Iterable[bytes], decryptor: CipherContext) -> Iterator[memoryview]:
    """The same buffer again and again, with what each piece deciphers to."""
    buffer = bytearray(PIECE + _BLOCK_LENGTH_MAX)
    view = memoryview(buffer)
    for piece in pieces:
        yield view[: decryptor.update_into(piece, buffer)]


def _leave_all(reader: Reader) -> None:
    for _ in range(3):
        reader.leave()
    reader.finish()
