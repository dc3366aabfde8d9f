"""Sends what lies in ``outbound`` to the partner, and posts the receipts that it is owed.

A message keeps its Message-ID and is sent again, ever more seldom, until it has a receipt that can be believed; its
file stays where it is until then. What is due stands in the records, so that a kill neither loses nor doubles a
message. It builds nothing of what it sends but header fields.
"""

import logging
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.client import Answered, Cut, Unsent, allowed, post, trust
from gateway.simulator.as2.desk import Desk, Rooms, addressed
from gateway.simulator.as2.faults import Direction, Fault
from gateway.simulator.as2.identity import Identity
from gateway.simulator.as2.message import Built, build, outermost
from gateway.simulator.as2.records import OPEN, RECEIPTED, WITHDRAWN, Message, Posting, Records

POLL_S = 0.1
RECEIPT_TRIES = 20
PASSING = (408, 425, 429)  # Answers of a partner that would take the same later.
NAME = re.compile(r"(?!.*\.part$)[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
CUTS = {Fault.CUT_SENDING: Cut.REQUEST, Fault.CUT_RECEIPT: Cut.ANSWER}


log = logging.getLogger(__name__)


class Sender:
    """``send_due`` sends in the caller's thread all that is due; ``open`` has threads do so until ``close``."""

    def __init__(
        self,
        rooms: Rooms,
        records: Records,
        agreement: Agreement,
        own: Identity,
        desk: Desk,
        clock: Callable[[], datetime],
    ) -> None:
        self._rooms, self._records, self._agreement = rooms, records, agreement
        self._own, self._desk, self._clock = own, desk, clock
        self._context = trust(agreement, own)
        self._lock = threading.Lock()
        self._claimed: set[tuple[type, int]] = set()
        self._adopted: set[str] = set()
        self._stopping, self.wake = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        for file in records.receipted():  # After a kill.
            (rooms.outbound / file).unlink(missing_ok=True)

    def open(self) -> None:
        for _ in range(self._agreement.connections):
            thread = threading.Thread(target=self._work, name="as2 sender", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Ends the threads behind the post in hand."""
        self._stopping.set()
        self.wake.set()
        for thread in self._threads:
            thread.join()

    def send_due(self) -> int:
        """Sends what is due now; how many posts that took."""
        count = 0
        while not self._stopping.is_set() and (job := self._claim()) is not None:
            try:
                if isinstance(job, Posting):
                    self._post_receipt(job)
                else:
                    self._send(job)
            finally:
                with self._lock:
                    self._claimed.discard((type(job), job.id))
            count += 1
        return count

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.send_due()
            except Exception as error:  # One message that this company stumbles over stops no other.
                log.error("as2: %s", type(error).__name__)
            self.wake.wait(POLL_S)
            self.wake.clear()

    def _claim(self) -> Posting | Message | None:
        """The first thing due that no other thread is at: receipts go first."""
        now = self._clock().timestamp()
        with self._lock:
            self._adopt(now)
            enough = len(self._claimed) + 1
            due: list[Posting | Message] = [*self._records.owed(now, enough), *self._due(now, enough)]
            for job in due:
                if (type(job), job.id) not in self._claimed:
                    self._claimed.add((type(job), job.id))
                    return job
        return None

    def _due(self, now: float, most: int) -> list[Message]:
        return self._records.due(now, most) if self._agreement.url else []

    def _adopt(self, now: float) -> None:
        """Files that are new in ``outbound`` become messages, in the order of their age."""
        if not self._agreement.url:
            return
        found = []
        for path in self._rooms.outbound.iterdir():
            if path.name not in self._adopted and NAME.fullmatch(path.name):
                with suppress(FileNotFoundError):  # Somebody took it.
                    found.append((path.stat().st_mtime_ns, path.name))
        for _, name in sorted(found):
            stem = name.partition(".")[0]
            self._records.adopt(name, f"<{stem}.{self._records.instance}@simulator.invalid>", now)
            self._adopted.add(name)

    def _again_at(self, attempts: int, least_s: float = 0) -> float:
        """When to try again, after so many attempts (epoch seconds)."""
        wait_s = min(self._agreement.retry_max_s, self._agreement.retry_s * float(1 << min(attempts, 16)))
        return self._clock().timestamp() + max(wait_s, least_s)

    # Messages.

    def _send(self, message: Message) -> None:
        try:
            payload = (self._rooms.outbound / message.file).read_bytes()
        except FileNotFoundError:  # Its receipt has just come; or somebody took the file.
            if self._records.settle(message, WITHDRAWN):
                self._records.note(did="as2_withdrawn", message=message.message_id, file=message.file)
            return
        agreement = self._agreement
        built = build(payload, message.file, agreement, self._own, agreement.recipient)
        waits_s = agreement.within_s if agreement.mdn == "async" else 0
        self._records.sending(message, built.mic, self._again_at(message.attempts, waits_s))
        fault = self._fault(message)
        try:
            answered = self._posted(message, built, fault)
        except Unsent as error:
            self._unsent(message, error.why)
            return
        self._answered(message, answered)

    def _fault(self, message: Message) -> Fault:
        serial, attempt = self._records.attempt(Direction.OUT, message.file)
        fault = self._agreement.faults.of(Direction.OUT, message.file, serial, attempt)
        if fault:
            self._records.note(did="as2_fault", message=message.message_id, fault=fault, attempt=str(attempt))
        return fault

    def _posted(self, message: Message, built: Built, fault: Fault) -> Answered:
        headers = (
            *addressed(self._agreement),
            ("Message-ID", message.message_id),
            ("MIME-Version", "1.0"),
            ("Subject", "EDI"),
            *self._asking(),
            *built.headers,
        )
        answered = self._post(self._agreement.url, headers, built.content, CUTS.get(fault, Cut.NEVER))
        if fault is Fault.DUPLICATE:
            again = self._post(self._agreement.url, headers, built.content)
            alike = "yes" if again.content == answered.content else "no"
            self._records.note(did="as2_doubled", message=message.message_id, answers_alike=alike)
            return again
        return answered

    def _post(self, url: str, headers: tuple[tuple[str, str], ...], content: bytes, cut: Cut = Cut.NEVER) -> Answered:
        return post(url, headers, content, timeout_s=self._agreement.timeout_s, context=self._context, cut=cut)

    def _asking(self) -> tuple[tuple[str, str], ...]:
        """The header fields that ask for a receipt (RFC 4130, 7.3)."""
        agreement = self._agreement
        if agreement.mdn == "none":
            return ()
        algorithm = agreement.sign or "sha256"
        options = f"signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, {algorithm}"
        return (
            ("Disposition-Notification-To", agreement.name),
            *([("Disposition-Notification-Options", options)] if agreement.mdn_signed else []),
            *([("Receipt-Delivery-Option", agreement.mdn_url)] if agreement.mdn == "async" else []),
        )

    def _answered(self, message: Message, answered: Answered) -> None:
        if not 200 <= answered.status < 300:
            after = str(answered.headers.get("Retry-After", ""))
            self._unsent(message, f"http_{answered.status}", float(after) if after.isdigit() else 0)
            return
        self._records.note(did="as2_sent", message=message.message_id, file=message.file)
        if self._agreement.mdn == "none":
            with self._records.transaction():
                if self._records.settle(message, RECEIPTED):
                    self._records.note(did="as2_receipted", message=message.message_id, file=message.file)
            (self._rooms.outbound / message.file).unlink(missing_ok=True)
        elif self._agreement.mdn == "sync":
            outer = outermost(answered.headers, answered.content)
            self._desk.take_receipt(outer, expected=message.message_id)

    def _unsent(self, message: Message, why: str, least_s: float = 0) -> None:
        current = self._records.message(message.message_id)
        if current is not None and current.state == OPEN:
            self._records.note(did="as2_unsent", message=message.message_id, why=why)
            self._records.send_later(message, self._again_at(message.attempts, least_s))

    # Receipts.

    def _post_receipt(self, owed: Posting) -> None:
        if not allowed(owed.url, self._agreement):
            self._give_up(owed, "not_allowed")
            return
        headers = self._desk.fields(owed.message_id, owed.receipt)
        try:
            status = self._post(owed.url, headers, owed.receipt.content).status
        except Unsent as error:
            self._later(owed, error.why)
            return
        if 200 <= status < 300:
            with self._records.transaction():
                self._records.posted(owed.id)
                self._records.note(did="as2_receipt_posted", message=owed.message_id)
        elif 400 <= status < 500 and status not in PASSING:
            self._give_up(owed, f"http_{status}")
        else:
            self._later(owed, f"http_{status}")

    def _later(self, owed: Posting, why: str) -> None:
        if owed.attempts + 1 >= RECEIPT_TRIES:
            self._give_up(owed, why)
        else:
            self._records.post_later(owed.id, self._again_at(owed.attempts))

    def _give_up(self, owed: Posting, why: str) -> None:
        with self._records.transaction():
            self._records.posted(owed.id)
            self._records.note(did="as2_receipt_given_up", message=owed.message_id, why=why)
