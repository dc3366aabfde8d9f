"""What becomes of one post, and what it is answered: no socket, no thread of its own.

A payload is written beside, then its message is committed together with its receipt and the promise to place it;
placing is one rename into ``inbound``. So a kill at any instant neither loses nor doubles a payload, and a message that
comes again gets the receipt it got before. Only good receipts are kept: a faulty one is made for the attempt that it
befalls.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from pathlib import Path

from gateway.simulator.as2 import receipt as mdn
from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.cms import CmsRefused
from gateway.simulator.as2.faults import Direction, Fault
from gateway.simulator.as2.identity import Identity
from gateway.simulator.as2.message import Opened, mic, open_message, outermost, same_mic
from gateway.simulator.as2.mime import Entity, MimeRefused
from gateway.simulator.as2.receipt import Receipt, Wanted
from gateway.simulator.as2.records import RECEIPTED, REFUSED, Records

ID = re.compile(r"<[!-;=?-~]{1,250}>")
UNEXPECTED = "unexpected-processing-error"


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where payloads are written (``ready``), go to (``inbound``), and where this company's files lie to be sent."""

    ready: Path
    inbound: Path
    outbound: Path


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the header fields of a post say before its body is read."""

    message_id: str
    direction: Direction
    wanted: Wanted | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, header fields and content of an HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""


def envelope(headers: Message, agreement: Agreement) -> Envelope | Answer:
    """Whether a post is of the partner, for this company, and named; the answer where it is not."""
    sender, receiver = (_name(str(headers.get(each, ""))) for each in ("AS2-From", "AS2-To"))
    if (sender, receiver) != (agreement.partner, agreement.name):
        return Answer(403, content=b"These two AS2 names have no agreement here.\r\n")
    message_id = str(headers.get("Message-ID", "")).strip()
    if not ID.fullmatch(message_id):
        return Answer(400, content=b"A Message-ID in angle brackets is missing.\r\n")
    wanted = mdn.wanted(headers)
    kinds = (mdn.REPORT, "multipart/signed")
    maybe_receipt = wanted is None and headers.get_content_type() in kinds
    return Envelope(message_id, Direction.RECEIPT if maybe_receipt else Direction.IN, wanted)


def _name(field: str) -> str:
    """An AS2 name, which may stand in quotes (RFC 4130, 6.2)."""
    bare = field.strip()
    return re.sub(r"\\(.)", r"\1", bare[1:-1]) if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare


class Desk:
    """Takes messages and receipts. ``stranger`` makes the identity that wrong signatures are made with; ``changed`` is
    called when something may have come into ``inbound`` or fallen due."""

    def __init__(
        self,
        rooms: Rooms,
        records: Records,
        agreement: Agreement,
        own: Identity,
        stranger: Callable[[], Identity],
        clock: Callable[[], datetime],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._rooms, self._records, self._agreement = rooms, records, agreement
        self._own, self._stranger, self._clock, self._changed = own, stranger, clock, changed
        rooms.ready.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._recover()

    def _recover(self) -> None:
        """After a kill: places what was promised, and drops what was written and never promised."""
        self._place(self._records.placing())
        for path in self._rooms.ready.iterdir():
            path.unlink()

    def take(self, headers: Message, body: bytes, told: Envelope, fault: Fault = Fault.NONE) -> Answer:
        """Deals with a post of the partner."""
        outer = outermost(headers, body)
        if mdn.is_receipt(outer):
            return self.take_receipt(outer)
        try:
            opened = self._opened(outer)
            payloads = opened.payloads()
        except (CmsRefused, MimeRefused) as error:
            modifier = error.modifier if isinstance(error, CmsRefused) else UNEXPECTED
            self._records.note(did="as2_refused", message=told.message_id, why=modifier)
            return self._negative(told, modifier)
        if fault is Fault.NEGATIVE_MDN:
            return self._negative(told, UNEXPECTED)
        mic_told, good = self._received(told, opened, payloads)
        self._changed()
        return self._answer(told, self._faulty(told, mic_told, good, fault), fault)

    def _opened(self, outer: Entity) -> Opened:
        opened = open_message(outer, self._own, self._agreement.partner_certificates, self._agreement.body_max)
        lacks_signature = self._agreement.require_signature and not opened.digest
        if lacks_signature or (self._agreement.require_encryption and not opened.encrypted):
            raise CmsRefused("insufficient-message-security", "a signature or encryption is agreed")
        return opened

    def _received(self, told: Envelope, opened: Opened, payloads: list[bytes]) -> tuple[str, Receipt]:
        """MIC and receipt of the message, which is kept and placed if it is the first with its Message-ID."""
        before = self._records.received(told.message_id)
        if before:
            self._records.note(did="as2_repeated", message=told.message_id)
            return before
        asked = told.wanted.digests if told.wanted else ()
        mic_told = opened.mic(opened.digest or next(iter(asked), mdn.FALLBACK))
        good = self._receipt(told, mdn.PROCESSED, mic_told)
        names = []
        for payload in payloads:
            names.append(f"as2_{self._records.next_serial():08}.x12")
            (self._rooms.ready / names[-1]).write_bytes(payload)
        with self._records.transaction():
            is_first = self._records.receive(told.message_id, mic_told, good)
            if is_first:
                for name in names:
                    self._records.place(name)
                self._records.note(did="as2_received", message=told.message_id, files=str(len(names)))
        if not is_first:  # Its twin was quicker.
            for name in names:
                (self._rooms.ready / name).unlink()
            return self._received(told, opened, payloads)
        self._place(names)
        return mic_told, good

    def _place(self, names: list[str]) -> None:
        for name in names:
            ready = self._rooms.ready / name
            if ready.exists():  # If not, it had been placed before the kill.
                ready.rename(self._rooms.inbound / name)
            self._records.placed(name)

    # Receipts to give.

    def _receipt(self, told: Envelope, disposition: str, mic_told: str, signer: Identity | None = None) -> Receipt:
        wanted = told.wanted or Wanted(False, (), "")
        return mdn.build(
            told.message_id,
            disposition,
            mic_told,
            name=self._agreement.name,
            signer=(signer or self._own) if wanted.signed else None,
            digest=next(iter(wanted.digests), "sha256"),
        )

    def _negative(self, told: Envelope, modifier: str) -> Answer:
        return self._answer(told, self._receipt(told, f"processed/error: {modifier}", ""), Fault.NEGATIVE_MDN)

    def _faulty(self, told: Envelope, mic_told: str, good: Receipt, fault: Fault) -> Receipt:
        match fault:
            case Fault.WRONG_MIC:
                algorithm = mic_told.rpartition(" ")[2].replace("-", "")
                return self._receipt(told, mdn.PROCESSED, mic(b"something else", algorithm))
            case Fault.WRONG_SIGNER:
                return self._receipt(told, mdn.PROCESSED, mic_told, self._stranger())
            case Fault.UNSIGNED_MDN:
                return mdn.build(told.message_id, mdn.PROCESSED, mic_told, name=self._agreement.name, signer=None)
            case _:
                return good

    def _answer(self, told: Envelope, given: Receipt, fault: Fault) -> Answer:
        """The receipt in the answer, or an empty answer and the receipt to be posted; only that where none is asked."""
        if told.wanted is None or fault is Fault.NO_MDN:
            return Answer(200)
        if not told.wanted.url:
            return Answer(200, self.fields(told.message_id, given), given.content)
        late_s = self._agreement.late_s if fault is Fault.LATE_MDN else 0.0
        self._records.owe(told.message_id, told.wanted.url, given, self._clock().timestamp() + late_s)
        self._changed()
        return Answer(200)

    def fields(self, message_id: str, given: Receipt) -> tuple[tuple[str, str], ...]:
        """The header fields of the receipt for a message, in an answer or a post: the same each time."""
        token = hashlib.sha256(message_id.encode()).hexdigest()[:16]
        return (
            *addressed(self._agreement),
            ("Message-ID", f"<mdn-{token}.{self._records.instance}@simulator.invalid>"),
            ("MIME-Version", "1.0"),
            ("Content-Type", given.content_type),
        )

    # Receipts that come.

    def take_receipt(self, outer: Entity, expected: str = "") -> Answer:
        """Settles the message that a receipt is about, which is ``expected`` where it came in the answer to it."""
        agreement = self._agreement
        try:
            told = mdn.read(outer, self._own, agreement.partner_certificates)
        except CmsRefused as error:
            return self._disbelieved(expected or "-", error.modifier)
        about = self._records.message(told.message_id)
        if about is None or (expected and told.message_id != expected):
            return self._disbelieved(expected or "-", "unknown-message")
        if agreement.mdn_signed and not told.signed:
            return self._disbelieved(about.message_id, "unsigned-receipt")
        if told.good and not same_mic(told.mic, about.mic):
            return self._disbelieved(about.message_id, "wrong-mic")
        with self._records.transaction():
            if self._records.settle(about, RECEIPTED if told.good else REFUSED):
                deed = "as2_receipted" if told.good else "as2_turned_down"
                self._records.note(did=deed, message=about.message_id, file=about.file)
        if told.good:  # What the partner turned down stays for a person to look at.
            (self._rooms.outbound / about.file).unlink(missing_ok=True)
        self._changed()
        return Answer(200)

    def _disbelieved(self, message_id: str, why: str) -> Answer:
        self._records.note(did="as2_receipt_refused", message=message_id, why=why)
        return Answer(400, content=b"The receipt is not believed.\r\n")


def addressed(agreement: Agreement) -> tuple[tuple[str, str], ...]:
    """The header fields that say who writes to whom."""
    quoted = [f'"{each}"' if re.search(r'[\s",]', each) else each for each in (agreement.name, agreement.partner)]
    return (("AS2-Version", "1.2"), ("AS2-From", quoted[0]), ("AS2-To", quoted[1]))
