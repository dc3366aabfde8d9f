"""Encrypts content for recipients: EnvelopedData (CBC) and AuthEnvelopedData (GCM) in DER. RFC 5652, 6; RFC 5083, 5084.

Lengths are computed ahead, so that nothing is held but a piece. Never uses a key or nonce twice.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import AEADEncryptionContext, Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, GCM

from gateway.transport.cms import naming
from gateway.transport.cms.algorithms import (
    AUTH_ENVELOPED_DATA,
    CIPHERS,
    DATA,
    ENVELOPED_DATA,
    KEY_TRANSPORTS,
    USUAL,
    ContentCipher,
    identifier,
    key_transport_identifier,
    key_transport_padding,
    require,
)
from gateway.transport.cms.ber import INTEGER, OCTET_STRING, PIECE, SEQUENCE, SET, head, tlv
from gateway.transport.cms.certificates import Certificate
from gateway.transport.cms.errors import CmsError, Weak
from gateway.transport.cms.streams import Piece, Sized, Source

NONCE_LENGTH, TAG_LENGTH = 12, 16
ENCRYPTED_CONTENT = 0x80


def encrypted(
    source: Source,
    size: int,
    recipients: Sequence[Certificate],
    *,
    cipher: str = "aes256-cbc",
    key_transport: str = "pkcs1v15",
    by_key_id: bool = False,
    allowed: Collection[str] = USUAL,
) -> Sized:
    """The ``size`` bytes of the source, encrypted for all recipients under a fresh key; the source is read while the
    result is.

    ``cipher`` is a name of CIPHERS, ``key_transport`` one of KEY_TRANSPORTS; ``by_key_id`` names recipients by subject
    key identifier instead of issuer and serial number. Raises Weak for what is not allowed; reading the result raises
    CmsError where the source has not ``size`` bytes.
    """
    assert recipients, "content is encrypted for somebody"
    require("the content encryption", cipher, allowed, CIPHERS)
    require("the key transport", key_transport, allowed, KEY_TRANSPORTS)
    kind = CIPHERS[cipher]
    key = secrets.token_bytes(kind.key_length)
    infos = [_recipient(each, key, key_transport, by_key_id, allowed) for each in recipients]
    if kind.mode == "gcm":
        nonce = secrets.token_bytes(NONCE_LENGTH)
        parameters = tlv(SEQUENCE, tlv(OCTET_STRING, nonce), tlv(INTEGER, bytes((TAG_LENGTH,))))
        sealed, after, kind_of_content, version = (
            size,
            len(tlv(OCTET_STRING, bytes(TAG_LENGTH))),
            AUTH_ENVELOPED_DATA,
            0,
        )
    else:
        nonce = secrets.token_bytes(kind.block_length)
        parameters = tlv(OCTET_STRING, nonce)
        sealed, after, kind_of_content = size + _padding_length(size, kind), 0, ENVELOPED_DATA
        version = 2 if by_key_id else 0  # RFC 5652, 6.1
    info = head(SEQUENCE, DATA + identifier(kind.oid, parameters) + head(ENCRYPTED_CONTENT, b"", sealed), sealed)
    rest = sealed + after
    structure = head(SEQUENCE, tlv(INTEGER, bytes((version,))) + tlv(SET, *sorted(infos)) + info, rest)
    start = head(SEQUENCE, kind_of_content + head(0xA0, structure, rest), rest)
    return Sized(len(start) + rest, _pieces(start, source, size, kind, content_cipher(kind, key, nonce).encryptor()))


def content_cipher(kind: ContentCipher, key: bytes, nonce: bytes, tag_length: int = TAG_LENGTH) -> Cipher[CBC | GCM]:
    """The cipher for this key and this initialization vector or nonce. Raises ValueError for wrong lengths."""
    algorithm = TripleDES(key) if kind.block_length == TripleDES.block_size // 8 else AES(key)
    mode = GCM(nonce, min_tag_length=tag_length) if kind.mode == "gcm" else CBC(nonce)
    return Cipher(algorithm, mode)


def _recipient(
    certificate: Certificate, key: bytes, key_transport: str, by_key_id: bool, allowed: Collection[str]
) -> bytes:
    """KeyTransRecipientInfo, RFC 5652, 6.2.1."""
    certificate.require_strength(allowed)
    if not isinstance(certificate.public_key, rsa.RSAPublicKey):
        raise Weak(
            f"certificate {certificate.fingerprint} has an elliptic curve key, which takes no content key",
            fix="Ask the partner for an RSA certificate to encrypt for",
        )
    return tlv(
        SEQUENCE,
        tlv(INTEGER, bytes((2 if by_key_id else 0,))),
        naming.name(certificate, by_key_id=by_key_id),
        key_transport_identifier(key_transport),
        tlv(OCTET_STRING, certificate.public_key.encrypt(key, key_transport_padding(key_transport))),
    )


def _padding_length(size: int, kind: ContentCipher) -> int:
    return kind.block_length - size % kind.block_length


def _pieces(start: bytes, source: Source, size: int, kind: ContentCipher, encryptor: CipherContext) -> Iterator[Piece]:
    yield start
    buffer = bytearray(PIECE + kind.block_length)
    view = memoryview(buffer)
    left = size
    while left:
        piece = source.read(min(PIECE, left))
        if not piece:
            break
        left -= len(piece)
        yield view[: encryptor.update_into(piece, buffer)]
    if left or source.read(1):
        raise CmsError("the content is not as long as was said", fix="Build the message again, from content at rest")
    if isinstance(encryptor, AEADEncryptionContext):
        yield encryptor.finalize()
        yield tlv(OCTET_STRING, encryptor.tag)
    else:
        padding = _padding_length(size, kind)
        yield encryptor.update(bytes((padding,)) * padding) + encryptor.finalize()
