"""A message of a partner that came in over AS2: its documents and its receipt are stored in one transaction, and only
then does the receipt leave.

The same message again is delivered once, and gets the same receipt. Nothing that fails here is lost: the sender is told
to come again. Never reads what a document says.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from gateway import logs
from gateway.errors import GatewayError
from gateway.flow import as2_agreed, as2_outgoing, as2_returned, deliver
from gateway.flow.as2_audit import Audit
from gateway.flow.as2_door import Admitted, Answer, Head, TurnedAway
from gateway.flow.as2_refused import Refusing, mended, of_message, refuse
from gateway.flow.house import House, Transaction
from gateway.settings import As2Transport, CertificateSource, Partner
from gateway.store import As2Message
from gateway.transport.as2.disposition import PROCESSED, UNEXPECTED_ERROR
from gateway.transport.as2.message import As2Refused, Envelope, Opened, OpenedPart, open_message, peek
from gateway.transport.as2.names import unquoted
from gateway.transport.as2.ping import MARK
from gateway.transport.as2.terms import Terms
from gateway.transport.cms import Certificate
from gateway.transport.spool import PIECE, Spool

log = logs.get()

TERMS_FOR = timedelta(minutes=1)  # Keys are read again so often: certificates begin and end at any time.
RETRY_S = 60
_LATER = Answer(code=503, headers=(("Retry-After", str(RETRY_S)),), body=b"Please send it again later\n")
_UNKNOWN = "These AS2 names are not known here: compare AS2-From and AS2-To with what was agreed"
_CERTIFICATE = "The client certificate of the connection is none that was agreed"


@dataclass(slots=True)
class _Known:
    """A partner, and what is looked at before a body comes."""

    partner: Partner
    certificates: frozenset[str]
    terms: Terms | None = None
    until: datetime | None = None


@dataclass(slots=True)
class As2Door:
    """What the listener asks. Partners are those of the settings that are enabled."""

    house: House
    _known: dict[tuple[str, str], _Known] = field(default_factory=dict)
    _audit: Audit = field(init=False)

    def __post_init__(self) -> None:
        self._audit = Audit(self.house.clock)
        for each in self.house.settings.partners.values():
            if each.enabled and isinstance(each.transport, As2Transport):
                pins = frozenset(map(_fingerprint, each.transport.client_certificates))
                self._known[each.transport.them, each.transport.us] = _Known(each, pins)

    def prepare(self) -> None:
        """Reads all keys before the first message comes: proving that one is sound holds the whole process up.

        What is wrong with them is for ``gateway doctor``, and for whoever sends a message then.
        """
        for each in self._known.values():
            with suppress(GatewayError):
                self._terms(each.partner)

    def admit(self, head: Head) -> Admitted | TurnedAway:
        """By the pair of AS2 names, whose case counts (RFC 4130, 6.2), and by the certificate of the connection."""
        pair = unquoted(head.header("AS2-From")), unquoted(head.header("AS2-To"))
        known = self._known.get(pair)
        if known is None:
            return TurnedAway(code=403, kind="unknown_names", what=_UNKNOWN)
        name = known.partner.name
        if known.certificates and head.certificate not in known.certificates:
            kind = "client_certificate" if head.certificate else "no_client_certificate"
            return TurnedAway(code=403, kind=kind, what=_CERTIFICATE, partner=name)
        own = self.house.settings.as2
        assert own is not None, "who has no [as2] has no listener"
        return Admitted(partner=name, head=head, body_max=own.body_max)

    def take(self, admitted: Admitted, body: Spool) -> Answer:
        partner = self.house.partner(admitted.partner)
        try:
            return self._take(partner, admitted.head, body)
        except GatewayError as error:
            log.warning("as2.message_failed", partner=partner.name, error=type(error).__name__)
            if not error.retryable:
                self._tell(partner, error)
        except Exception:
            log.exception("as2.message_failed", partner=partner.name)
        return _LATER

    def turned_away(self, why: TurnedAway, address: str) -> None:
        try:
            self._audit.tell(self.house, why.kind, partner=why.partner, status=why.code, address=address)
        except Exception:
            log.exception("as2.audit_failed", kind=why.kind)

    def _tell(self, partner: Partner, error: GatewayError) -> None:
        """Ours to mend, such as a certificate that ended; the sender comes again until that is done."""
        try:
            with self.house.store.transaction(self.house.everything()) as tx:
                tx.tasks.open(
                    f"as2_inbox:{partner.name}", kind="as2", subject=partner.name, reason=error.reason, fix=error.fix
                )
        except GatewayError as second:
            log.warning("as2.task_failed", partner=partner.name, error=type(second).__name__)

    def _take(self, partner: Partner, head: Head, body: Spool) -> Answer:
        terms = self._terms(partner)
        try:
            envelope = peek(head.headers, body, terms.limits)
        except As2Refused as refused:
            return refuse(self._refusing(partner, terms, head, ""), body, refused)
        refusing = self._refusing(partner, terms, head, envelope.message_id)
        if envelope.is_mdn:
            return as2_returned.take(refusing, body)
        return _Taking(refusing, envelope, partial(Spool, folder=self.house.settings.spool)).take(body)

    def _refusing(self, partner: Partner, terms: Terms, head: Head, message_id: str) -> Refusing:
        return Refusing(
            house=self.house, partner=partner, terms=terms, audit=self._audit, head=head, message_id=message_id
        )

    def _terms(self, partner: Partner) -> Terms:
        agreed, now = partner.transport, self.house.clock()
        assert isinstance(agreed, As2Transport), "only these are known here"
        known = self._known[agreed.them, agreed.us]
        if known.terms is None or known.until is None or now >= known.until:
            known.terms, known.until = (
                as2_agreed.terms(self.house.settings, partner, now, incoming=True),
                now + TERMS_FOR,
            )
        return known.terms


@dataclass(frozen=True, slots=True)
class _Taking:
    """One message on its way in."""

    at: Refusing
    envelope: Envelope
    spool: partial[Spool]

    def take(self, body: Spool) -> Answer:
        house = self.at.house
        try:
            opened = open_message(self.at.head.headers, body, terms=self.at.terms, spool=self.spool, at=house.clock())
        except As2Refused as refused:
            return refuse(self.at, body, refused)
        with house.reading() as tx:
            earlier = tx.as2_messages.find("in", self.at.partner.name, self.envelope.message_id)
        documents = [] if _is_ping(opened.parts) else opened.parts
        contents: list[str] = []
        if earlier is None or not _same_mic(opened, earlier):
            contents = [house.store.payloads.put(_pieces(part)) for part in documents]
        if earlier is not None:
            return self._again(earlier, opened, contents, body)
        mdn = self._receipt(opened)
        quicker = self._commit(opened, documents, contents, mdn)
        return as2_outgoing.answered(mdn) if quicker is None else self._again(quicker, opened, contents, body)

    def _receipt(self, opened: Opened) -> as2_outgoing.Mdn | None:
        if opened.mdn_wanted is None:
            return None
        house = self.at.house
        mdn = as2_outgoing.made(house, self.at.terms, opened.mdn_wanted, PROCESSED, opened.mic)
        return as2_outgoing.kept(house, mdn)

    def _commit(
        self, opened: Opened, documents: Sequence[OpenedPart], contents: Sequence[str], mdn: as2_outgoing.Mdn | None
    ) -> As2Message | None:
        """Everything, or nothing; the earlier message where another one was quicker with this Message-ID."""
        house, partner = self.at.house, self.at.partner
        with house.store.transaction(house.everything()) as tx:
            message, new = tx.as2_messages.claim(
                partner=partner.name,
                message_id=self.envelope.message_id,
                contents=contents,
                mic=opened.mic.digest,
                mic_algorithm=opened.mic.algorithm,
                disposition=PROCESSED.short,
                mdn=mdn.payload if mdn else "",
                mdn_headers=mdn.headers if mdn else (),
                mdn_url=mdn.url if mdn else "",
            )
            if not new:
                return message
            self._deliver(tx, message, opened, documents, contents)
            if mdn is not None and mdn.url:
                as2_outgoing.enqueue_post(tx, partner, message.id)
            mended(tx, partner)
            tx.tasks.close(f"as2_inbox:{partner.name}", "a message was taken")
        log.info("as2.message_taken", partner=partner.name, message=message.id, documents=len(documents))
        return None

    def _deliver(
        self,
        tx: Transaction,
        message: As2Message,
        opened: Opened,
        documents: Sequence[OpenedPart],
        contents: Sequence[str],
    ) -> None:
        partner = self.at.partner.name
        arrived = [
            deliver.arrived(tx, partner, part.name, payload, part.size)
            for part, payload in zip(documents, contents, strict=True)
        ]
        signer = opened.signed_by.fingerprint if opened.signed_by is not None else ""
        about = {"message": message.id, "signer": signer, "digest": opened.signed_with, "cipher": opened.cipher}
        for document in arrived:
            tx.events.add(document, "document.arrived", document=document, **about)
        if arrived:
            tx.as2_messages.change(message.id, document=arrived[0])
        else:
            tx.events.add(partner, "ping.answered", **about)

    def _again(self, earlier: As2Message, opened: Opened, contents: Sequence[str], body: Spool) -> Answer:
        """Its Message-ID was taken before: the same message gets the same receipt, another one is refused."""
        house, partner = self.at.house, self.at.partner
        if not _same_mic(opened, earlier) and tuple(contents) != earlier.contents:
            return self._contradicted(earlier, opened, body)
        wanted, mdn = opened.mdn_wanted, None
        if wanted is not None:
            mdn = as2_outgoing.stored(house, earlier, wanted) if earlier.mdn else self._receipt(opened)
        with house.store.transaction(house.everything()) as tx:
            tx.as2_messages.again(earlier.id)
            if mdn is not None:
                tx.as2_messages.change(earlier.id, mdn=mdn.payload, mdn_headers=mdn.headers, mdn_url=mdn.url)
                if mdn.url:
                    as2_outgoing.enqueue_post(tx, partner, earlier.id)
        log.info("as2.message_again", partner=partner.name, message=earlier.id)
        return as2_outgoing.answered(mdn)

    def _contradicted(self, earlier: As2Message, opened: Opened, body: Spool) -> Answer:
        refused = As2Refused(
            UNEXPECTED_ERROR,
            "its Message-ID was used before for another content",
            fix=f"The first one counts (message {earlier.id}); this one is kept. Ask the partner which one is right, "
            "and to send it under a Message-ID of its own",
            mdn_wanted=opened.mdn_wanted,
            mic=opened.mic,
        )
        return refuse(self.at, body, refused, task=of_message(earlier.id))


def _same_mic(opened: Opened, earlier: As2Message) -> bool:
    return (opened.mic.digest, opened.mic.algorithm) == (earlier.mic, earlier.mic_algorithm)


def _is_ping(parts: Sequence[OpenedPart]) -> bool:
    """A message of ``gateway partner test``: it asks for nothing but its receipt."""
    return len(parts) == 1 and parts[0].content_type == "text/plain" and parts[0].open().read(len(MARK)) == MARK


def _pieces(part: OpenedPart) -> Iterator[bytes]:
    window = part.open()
    while piece := window.read(PIECE):
        yield piece


def _fingerprint(source: CertificateSource) -> str:
    return source.fingerprint or Certificate.load(source.read()).fingerprint
