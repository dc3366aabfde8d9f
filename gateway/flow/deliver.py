"""Deliver and pick up: a queued document goes out once, and what lies at the partner's comes in once.

On the wire it is at least once: an upload whose outcome is unknown is proved by listing, or repeated with the same
name, control number and bytes, which the far side recognises.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import BinaryIO

from gateway import logs
from gateway.errors import Finding, GatewayError, PartnerRefused, PartnerUnreachable
from gateway.flow import as2_sending, delivered
from gateway.flow.house import House, Transaction
from gateway.flow.partners import DurableSeen, mailbox
from gateway.settings import As2Transport, Partner
from gateway.store import Document, Job
from gateway.transport.base import Arrival, Outcome, Sent, Transport
from gateway.transport.pickup import Sightings

log = logs.get()
CHUNK = 256 * 1024
TOLD_AFTER = 3  # attempts at one document that found nobody
HALTED_LOOK = timedelta(seconds=60)
_REFUSED_FIX = "Mend the cause, then put the job back with: gateway jobs --retry JOB"


def send(house: House, job: Job) -> None:
    """Sends one document. An earlier attempt may have arrived: the listing is asked before anything is repeated."""
    partner = house.partner(job.partner)
    with house.store.transaction(house.everything()) as tx:
        document = tx.documents.get(job.payload["document"])
        if stopped := _stopped(tx, partner):
            tx.jobs.retry(job, tx.now + HALTED_LOOK, stopped, counted=False)
            return
        repeated = _is_uncertain(document)
        # Said before the upload, for whoever finds it after a crash in the middle of it.
        again = {"repeated": True} if repeated else {}
        tx.documents.set_about(document.id, uncertain=True, **again)
    try:
        outcome = _upload(house, partner, document, repeated=repeated)
    except GatewayError as error:
        _nothing_sent(house, document)
        if isinstance(error, PartnerUnreachable) and job.attempts >= TOLD_AFTER:
            tell_unreachable(house, partner.name, error)
        if not isinstance(error, PartnerRefused):
            raise
        halt(house, partner.name, error)
        with house.store.transaction(house.everything()) as tx:
            tx.jobs.retry(job, tx.now + HALTED_LOOK, str(error), counted=False)
        return
    conclude = as2_sending.conclude if isinstance(partner.transport, As2Transport) else _conclude
    try:
        conclude(house, job, partner, document, outcome)
    except PartnerUnreachable as error:
        if job.attempts >= TOLD_AFTER:
            tell_unreachable(house, partner.name, error)
        raise


def _conclude(house: House, job: Job, partner: Partner, document: Document, outcome: Outcome) -> None:
    """What an upload came to takes effect; or raises what says how it goes on."""
    where = f"partner {partner.name}, document {document.id}"
    if outcome.state is Sent.UNKNOWN:
        _unknown(house, partner, document)
        fix = "It is repeated with the same name and bytes"
        raise PartnerUnreachable(f"the outcome of the upload is unknown: {outcome.reason}", where=where, fix=fix)
    if outcome.state is Sent.REFUSED:
        _nothing_sent(house, document)
        raise PartnerRefused(f"the upload was refused: {outcome.reason}", where=where, fix=_REFUSED_FIX)
    with house.store.transaction(house.everything()) as tx:
        delivered.sent(house, tx, partner, document, attempts=job.attempts)
        tx.jobs.finish(job)
    log.info("document.sent", document=document.id, partner=partner.name, attempts=job.attempts, bytes=document.size)


def was_repeated(document: Document) -> bool:
    """Whether it was sent again after an attempt that may have arrived: the partner may have met it twice."""
    return bool(document.about.get("repeated"))


def _is_uncertain(document: Document) -> bool:
    return bool(document.about.get("uncertain"))


def _nothing_sent(house: House, document: Document) -> None:
    """This attempt left nothing over there, as the transport promises; an earlier one may have."""
    with house.store.transaction(house.everything()) as tx:
        tx.documents.set_about(document.id, uncertain=_is_uncertain(document))


def _unknown(house: House, partner: Partner, document: Document) -> None:
    with house.store.transaction(house.everything()) as tx:
        tx.documents.set_state(document.id, "unknown")
        delivered.number(tx, partner, document, "unknown")


def _upload(house: House, partner: Partner, document: Document, *, repeated: bool) -> Outcome:
    if isinstance(partner.transport, As2Transport):  # There is no listing, and the Message-ID tells a repetition.
        return as2_sending.upload(house, partner, document)
    gate = house.gates.of(partner, house.clock)
    with gate.session("send", partial(mailbox, house.settings, partner)) as transport:
        if repeated and _lies_there(transport, document, sealed=partner.transport.pgp is not None):
            return Outcome.delivered("found by listing after an unknown outcome")
        with house.store.payloads.open(document.payload) as content:
            return transport.send(document.name, content, document.size)


def _halted_key(partner: str) -> str:
    return f"refused:{partner}"


def _stopped(tx: Transaction, partner: Partner) -> str:
    """Why nothing is sent to this partner for now; "" where nothing stands in the way."""
    if not partner.enabled:
        return f"nothing is sent to {partner.name}: it is not enabled in its file"
    return f"nothing is sent to {partner.name} until a person says so" if halted(tx, partner.name) else ""


def halted(tx: Transaction, partner: str) -> bool:
    """Whether this partner refused us: nobody knocks again until a person has looked, or the account is locked."""
    return bool(tx.tasks.list(subject=partner, kind="refused"))


def halt(house: House, partner: str, error: PartnerRefused) -> None:
    """Stops all traffic with a partner, and says why."""
    with house.store.transaction(house.everything()) as tx:
        fix = f"{error.fix}. Restart the gateway if its file was changed. Then: gateway partner resume {partner}"
        tx.tasks.open(_halted_key(partner), kind="refused", subject=partner, reason=error.reason, fix=fix)
    log.warning("partner.halted", partner=partner, error=type(error).__name__)


def _inbox_key(partner: str) -> str:
    return f"inbox:{partner}"


def tell_unreachable(house: House, partner: str, error: PartnerUnreachable) -> None:
    """A partner that stays away becomes one task, which closes itself with the next document that gets there."""
    with house.store.transaction(house.everything()) as tx:
        fix = f"It is tried again by itself. If it lasts: gateway partner test {partner}"
        tx.tasks.open(
            delivered.unreachable_key(partner), kind="unreachable", subject=partner, reason=error.reason, fix=fix
        )


def resume(tx: Transaction, partner: str) -> None:
    """A person has mended the cause: traffic goes on."""
    tx.tasks.close(_halted_key(partner), "resumed")
    tx.inputs.add(kind="command", name="partner_resume", holds_on=tx.now.date(), content={"partner": partner})


def _lies_there(transport: Transport, document: Document, *, sealed: bool) -> bool:
    """By name and size; by its name, which no other document gets, where OpenPGP gives it another size each time."""
    try:
        return any(
            each.name == document.name and (sealed or each.size == document.size) for each in transport.listing()
        )
    except PartnerRefused:
        return False  # A drop box that shows nothing: the same name and bytes go again.


class Pickup:
    """One partner's side of receiving: keeps the connection and what the last look saw from poll to poll."""

    def __init__(self, house: House, partner: Partner, *, sightings: Sightings | None = None) -> None:
        self.partner = partner
        self._house = house
        self._partner = partner
        self._sightings = Sightings() if sightings is None else sightings
        self._transport: Transport | None = None
        self._failures = 0

    def poll(self) -> int:
        """Picks up what is whole: bytes are stored and a job is queued before anything is thought about them."""
        with self._house.reading() as tx:
            if halted(tx, self._partner.name):
                return 0
        try:
            if self._transport is None:
                self._transport = mailbox(self._house.settings, self._partner, self._sightings)
            arrivals = self._transport.fetch(DurableSeen(self._house, self._partner.name))
            taken = sum(self._take(self._transport, each) for each in arrivals)
            self._tell(self._transport.findings)
            self._worked()
            return taken
        except PartnerRefused as error:
            self.close()
            halt(self._house, self._partner.name, error)
            return 0
        except GatewayError as error:
            self.close()
            self._failed(error)
            raise

    def _failed(self, error: GatewayError) -> None:
        """An inbox that stays shut becomes one task, which closes itself with the next look that works."""
        self._failures += 1
        if self._failures == TOLD_AFTER:
            name = self._partner.name
            with self._house.store.transaction(self._house.everything()) as tx:
                fix = f"{error.fix}. It is tried again by itself; gateway partner test {name} shows each step"
                tx.tasks.open(_inbox_key(name), kind="unreachable", subject=name, reason=error.reason, fix=fix)

    def _worked(self) -> None:
        self._failures = 0
        name = self._partner.name
        with self._house.reading() as tx:
            shut = any(each.key == _inbox_key(name) for each in tx.tasks.list(subject=name, kind="unreachable"))
        if shut:
            with self._house.store.transaction(self._house.everything()) as tx:
                tx.tasks.close(_inbox_key(name), "the inbox opens again")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _tell(self, findings: list[Finding]) -> None:
        """What was left lying at the partner's becomes a task, once for each file."""
        if not findings:
            return
        name = self._partner.name
        with self._house.store.transaction(self._house.everything()) as tx:
            for each in findings:
                key = f"left:{name}:{each.where}:{each.what}"
                tx.tasks.open(key, kind="left_lying", subject=name, reason=each.reason, fix=each.fix)

    def _take(self, transport: Transport, arrival: Arrival) -> bool:
        """One file's trouble holds no other file up: it comes again at the next poll."""
        house, partner = self._house, self._partner
        try:
            payload = house.store.payloads.put(_chunks(arrival.payload))
            with house.store.transaction(house.everything()) as tx:
                if tx.seen.has(partner.name, arrival.key):
                    return False
                document = arrived(tx, partner.name, arrival.name, payload, arrival.size)
                tx.seen.add(partner.name, arrival.key, document)
            log.info("document.arrived", document=document, partner=partner.name, bytes=arrival.size)
        except PartnerRefused:
            raise
        except (GatewayError, OSError) as error:
            log.warning("arrival.failed", partner=partner.name, error=type(error).__name__)
            return False
        self._confirm(transport, arrival)
        return True

    def _confirm(self, transport: Transport, arrival: Arrival) -> None:
        """It is ours already: where it may not be removed, a person is told, and traffic goes on."""
        try:
            transport.confirm(arrival)
        except (GatewayError, OSError) as error:
            log.warning("arrival.not_removed", partner=self._partner.name, error=type(error).__name__)
            what = "it was picked up and could not be removed"
            fix = 'Ask the partner for the right to remove or move files, or write after = "keep" in its file'
            self._tell([Finding(rule="pickup", what=what, where=arrival.listed.without_name, fix=fix)])


def arrived(tx: Transaction, partner: str, name: str, payload: str, size: int) -> str:
    """Records one arrival and queues its reading; a partner's documents are read in the order of their arrival.

    The partner's own file name may carry a patient's, so it is kept in the sealed input alone.
    """
    document = tx.documents.add(
        direction="in", partner=partner, name="", payload=payload, kind="x12", size=size, state="stored"
    )
    tx.inputs.add(kind="document", name="arrival", holds_on=tx.now.date(), document=document, content={"name": name})
    tx.jobs.enqueue(
        "receive",
        payload={"document": document},
        partner=partner,
        lane=f"receive:{partner}",
        key=f"receive:{document}",
    )
    return document


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
