"""Which layer of security an entity is, and its bytes without their transfer encoding. RFC 8551, 3.2; RFC 1847."""

from enum import Enum

from gateway.transport.as2.mime import Entity
from gateway.transport.as2.transfer import BadEncoding, decoded
from gateway.transport.cms.algorithms import AUTH_ENVELOPED_DATA, COMPRESSED_DATA, ENVELOPED_DATA, SIGNED_DATA
from gateway.transport.spool import NewSpool, Window


class Layer(Enum):
    """What can lie around a document."""

    ENCRYPTED = "encrypted"
    COMPRESSED = "compressed"
    SIGNED = "signed"
    OPAQUE = "signed around its content"

    @property
    def once(self) -> "Layer":
        """What a message may have once only: both kinds of signature are one."""
        return Layer.SIGNED if self is Layer.OPAQUE else self


_BY_NAME = {
    "enveloped-data": Layer.ENCRYPTED,
    "authenveloped-data": Layer.ENCRYPTED,
    "compressed-data": Layer.COMPRESSED,
    "signed-data": Layer.OPAQUE,
}
_BY_CONTENT = {
    ENVELOPED_DATA: Layer.ENCRYPTED,
    AUTH_ENVELOPED_DATA: Layer.ENCRYPTED,
    COMPRESSED_DATA: Layer.COMPRESSED,
    SIGNED_DATA: Layer.OPAQUE,
}
_SEQUENCE = b"\x30"


def layer_of(entity: Entity) -> Layer | None:
    """The layer that an entity is; None for content. A PKCS#7 entity that does not say what it is, is looked into."""
    kind = entity.type
    if kind.kind == "multipart/signed":
        return Layer.SIGNED
    if kind.kind not in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        return None
    named = _BY_NAME.get(kind.get("smime-type").lower())
    return named or _looked_into(entity) or Layer.ENCRYPTED


def cms_source(entity: Entity, spool: NewSpool) -> Window:
    """The structure in an entity. Its first byte says if it is base64, whatever the header says of it.

    Raises BadEncoding.
    """
    if not _is_base64(entity):
        return entity.body.again()
    target = spool()
    for piece in decoded(entity.body.pieces(), "base64"):
        target.write(piece)
    return target.window()


def _is_base64(entity: Entity) -> bool:
    """A structure starts with 0x30, which starts base64 as an M; many products send one and say the other."""
    first = entity.body.again().read(64).lstrip()[:1]
    return first == b"M" or (entity.encoding == "base64" and first != _SEQUENCE)


def _looked_into(entity: Entity) -> Layer | None:
    start = entity.body.again().read(128)
    if _is_base64(entity):
        try:
            start = next(decoded([start.translate(None, b"\r\n\t ")[:64]], "base64"), b"")
        except BadEncoding:
            return None
    found = [(start.find(oid), layer) for oid, layer in _BY_CONTENT.items() if oid in start[:40]]
    return min(found, default=(0, None), key=lambda each: each[0])[1]
