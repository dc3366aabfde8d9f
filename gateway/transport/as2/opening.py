"""Opens an AS2 message: decrypts, decompresses, verifies, and hands out its documents. RFC 4130, 5402, 6362.

Each layer is written to a sealed spool once; documents are windows on the last one. Nothing is handed on that the
partner's terms do not let in, and every refusal says which disposition its sender gets.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.transport.as2.disposition import (
    AUTHENTICATION_FAILED,
    DECOMPRESSION_FAILED,
    DECRYPTION_FAILED,
    ILLEGAL_FILENAME,
    INSUFFICIENT_SECURITY,
    UNSUPPORTED_MIC,
    As2Refused,
    Disposition,
)
from gateway.transport.as2.envelope import Envelope, peek
from gateway.transport.as2.filenames import cleaned, filename_fault, given_name
from gateway.transport.as2.layers import Layer, cms_source, layer_of
from gateway.transport.as2.mic import Mic, digests_of
from gateway.transport.as2.mime import Entity, malformed, read_entity, split
from gateway.transport.as2.signed import opened_signature
from gateway.transport.as2.terms import Terms
from gateway.transport.as2.transfer import ENCODED, PLAIN, BadEncoding, decoded
from gateway.transport.as2.wanted import MdnWanted
from gateway.transport.cms import Certificate, CmsError, Weak, decompress, decrypt
from gateway.transport.spool import NewSpool, Spool, Window

_CONTAINERS = frozenset(("multipart/related", "multipart/mixed"))


@dataclass(frozen=True, slots=True)
class OpenedPart:
    """One document. ``name`` is what its sender calls it, "" for nothing: keep it sealed, it can be a patient's."""

    name: str
    content_type: str
    content: Window

    @property
    def size(self) -> int:
        return self.content.size

    def open(self) -> Window:
        """The document's bytes from their start."""
        return self.content.again()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message that its partner's terms let in. Its spools live as long as its parts do, and the body that was handed
    in must not be closed before: a part may be a window on it.
    """

    parts: list[OpenedPart]
    mic: Mic
    signed_by: Certificate | None
    signed_with: str  # digest algorithm, "" where it is not signed
    cipher: str  # "" where it is not encrypted
    compressed: bool
    mdn_wanted: MdnWanted | None


def open_message(
    headers: Iterable[tuple[str, str]], body: Spool | Window, *, terms: Terms, spool: NewSpool, at: datetime
) -> Opened:
    """The documents of a message from the partner. ``spool`` makes temporary files; ``at`` is now, aware.

    Raises As2Refused, with the receipt that was asked for; SpoolUnavailable where the disk is full.
    """
    envelope = peek(headers, limits=terms.limits)
    opening = _Opening(envelope, terms, spool, at)
    window = body.window() if isinstance(body, Spool) else body.again()
    try:
        return opening.open(Entity(envelope.headers, window))
    except As2Refused as refused:
        refused.mdn_wanted = refused.mdn_wanted or envelope.mdn_wanted
        refused.mic = refused.mic or opening.mic
        raise


class _Opening:
    """One message, while its layers are taken off."""

    def __init__(self, envelope: Envelope, terms: Terms, spool: NewSpool, at: datetime) -> None:
        self._envelope = envelope
        self._terms = terms
        self._spool = spool
        self._at = at
        self._signed_by: Certificate | None = None
        self._signed_with = ""
        self._cipher = ""
        self._compressed = False
        self.mic: Mic | None = None

    def open(self, entity: Entity) -> Opened:
        self._check_names()
        if entity.body.size > self._terms.limits.body_max:
            raise malformed(f"the message is larger than {self._terms.limits.body_max} bytes")
        entity = self._without_layers(entity)
        if self._terms.require_signature and self._signed_by is None:
            raise self._insufficient("it is not signed, as was agreed on")
        if self.mic is None:
            self.mic = self._mic_of_unsigned(entity)
        parts = [self._part(each) for each in self._leaves(entity, 0)]
        if not parts:
            raise malformed("it has no document")
        return Opened(
            parts=parts,
            mic=self.mic,
            signed_by=self._signed_by,
            signed_with=self._signed_with,
            cipher=self._cipher,
            compressed=self._compressed,
            mdn_wanted=self._envelope.mdn_wanted,
        )

    def _check_names(self) -> None:
        envelope, terms = self._envelope, self._terms
        if (envelope.as2_from, envelope.as2_to) != (terms.them, terms.us):
            fix = "Compare the AS2 names in the partner's file with the ones they send"
            raise As2Refused(AUTHENTICATION_FAILED, "its AS2 names are not those of the partner and us", fix=fix)
        wanted = envelope.mdn_wanted
        if wanted is not None and wanted.fault is not None:
            fix = "Ask the sender for signed-receipt-protocol pkcs7-signature, and a MIC of SHA-256"
            raise As2Refused(wanted.fault, "it asks for a receipt that cannot be given", fix=fix)
        self._mic_algorithm("")

    def _without_layers(self, entity: Entity) -> Entity:
        """Takes off encryption, then compression and signature in either order, each at most once."""
        seen: set[Layer] = set()
        layer = layer_of(entity)
        if self._terms.require_encryption and layer != Layer.ENCRYPTED:
            raise self._insufficient("it is not encrypted, as was agreed on")
        while layer is not None:
            if layer.once in seen or (layer == Layer.ENCRYPTED and seen):
                raise malformed("its layers are in an order that nobody agreed on")
            seen.add(layer.once)
            if layer == Layer.ENCRYPTED:
                entity = self._decrypted(entity)
            elif layer == Layer.COMPRESSED:
                entity = self._decompressed(entity)
            else:
                entity = self._verified(entity)
            layer = layer_of(entity)
        return entity

    def _decrypted(self, entity: Entity) -> Entity:
        target, terms = self._spool(), self._terms
        try:
            found = decrypt(cms_source(entity, self._spool), target, terms.our_decryptors, allowed=terms.allowed)
        except (CmsError, BadEncoding) as error:
            raise _refused(DECRYPTION_FAILED, error) from error
        self._cipher = found.cipher
        try:
            return read_entity(target.window(), terms.limits)
        except As2Refused as error:
            if found.cipher.endswith("-gcm"):
                raise
            # What a wrong key or an altered CBC leaves is told like any other failure to decrypt: no oracle.
            fix = "Ask the sender to send it again, encrypted for our current certificate"
            raise As2Refused(DECRYPTION_FAILED, "the content cannot be decrypted", fix=fix) from error

    def _decompressed(self, entity: Entity) -> Entity:
        target, limits = self._spool(), self._terms.limits
        try:
            source = cms_source(entity, self._spool)
            decompress(source, target, size_max=limits.body_max, expansion_max=limits.expansion_max)
        except (CmsError, BadEncoding) as error:
            raise _refused(DECOMPRESSION_FAILED, error) from error
        self._compressed = True
        return read_entity(target.window(), limits)

    def _verified(self, entity: Entity) -> Entity:
        found = opened_signature(entity, terms=self._terms, at=self._at, spool=self._spool, mic=self._mic_names)
        self._signed_by, self._signed_with = found.certificate, found.algorithm
        algorithm, spelled = self._mic_algorithm(found.algorithm)
        self.mic = Mic.of(found.digests[algorithm], algorithm, spelled)
        return read_entity(found.content, self._terms.limits)

    def _mic_of_unsigned(self, entity: Entity) -> Mic:
        """RFC 4130, 7.3.1 and RFC 5402, 4.2 and 4.3: with its headers, unless they came by HTTP."""
        algorithm, spelled = self._mic_algorithm("")
        return Mic.of(digests_of((entity.whole or entity.body).pieces(), [algorithm])[algorithm], algorithm, spelled)

    def _mic_names(self, signed_with: str) -> Collection[str]:
        return (self._mic_algorithm(signed_with)[0],)

    def _mic_algorithm(self, signed_with: str) -> tuple[str, str]:
        wanted = self._envelope.mdn_wanted
        if wanted is None:
            return signed_with or "sha256", ""
        chosen = wanted.algorithm(self._terms.digests, signed_with)
        if chosen is None:
            fix = "Ask the sender for a MIC of SHA-256, or allow theirs in the partner's file"
            raise As2Refused(UNSUPPORTED_MIC, "it asks for MIC algorithms of which none may be used", fix=fix)
        return chosen

    def _leaves(self, entity: Entity, depth: int) -> Iterator[Entity]:
        """The documents of one or several attachments (RFC 6362), in their order."""
        limits = self._terms.limits
        if entity.type.kind not in _CONTAINERS:
            yield entity
            return
        if depth >= limits.nesting_max:
            raise malformed(f"its multiparts are nested more than {limits.nesting_max} deep")
        if entity.encoding not in PLAIN:
            raise malformed("a multipart has a transfer encoding, which only its parts may have")
        count = 0
        for window in split(entity.body, entity.type.get("boundary"), limits):
            for leaf in self._leaves(read_entity(window, limits), depth + 1):
                count += 1
                if count > limits.parts_max:
                    raise malformed(f"it has more than {limits.parts_max} parts")
                yield leaf

    def _part(self, entity: Entity) -> OpenedPart:
        kind = entity.type.kind
        if layer_of(entity) is not None or kind in ("multipart/report", "multipart/signed"):
            raise malformed(f"a part is {kind}, which is no document")
        name = given_name(entity.headers)
        if (fault := filename_fault(name)) and self._terms.illegal_names == "refuse":
            fix = "Ask the sender for a plain file name, or let names be cleaned in the partner's file"
            raise As2Refused(ILLEGAL_FILENAME, f"a part's file name may not be used: {fault}", fix=fix)
        return OpenedPart(cleaned(name), kind, self._content(entity))

    def _content(self, entity: Entity) -> Window:
        if entity.encoding in PLAIN:
            return entity.body
        if entity.encoding not in ENCODED:
            raise malformed("a part has a transfer encoding that is not known")
        target = self._spool()
        try:
            for piece in decoded(entity.body.pieces(), entity.encoding):
                target.write(piece)
        except BadEncoding as error:
            raise malformed(error.what) from error
        return target.window()

    def _insufficient(self, what: str) -> As2Refused:
        fix = "Ask the sender to sign and encrypt as agreed, or change what the partner's file requires"
        return As2Refused(INSUFFICIENT_SECURITY, what, fix=fix)


def _refused(disposition: Disposition, error: CmsError | BadEncoding) -> As2Refused:
    weak = isinstance(error, Weak) and disposition == DECRYPTION_FAILED
    return As2Refused(INSUFFICIENT_SECURITY if weak else disposition, error.what, fix=error.fix)
