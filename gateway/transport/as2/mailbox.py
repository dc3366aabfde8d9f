"""One partner over AS2: sends messages, and has no folder to look into: what comes in comes to our listener.

The same document has the same Message-ID for ever, so that a partner that met it before says so and takes it once.
"""

import io
import secrets
import time
from collections.abc import Callable, Iterator, MutableSet
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO, Self, cast

from gateway.errors import Finding, GatewayError, PartnerRefused
from gateway.transport.as2 import ping, restart
from gateway.transport.as2.building import Outgoing, Part, build
from gateway.transport.as2.disposition import cure
from gateway.transport.as2.http import Answer, Cut, Server
from gateway.transport.as2.mic import Mic
from gateway.transport.as2.outcome import Posted, outcome
from gateway.transport.as2.settings import As2Settings
from gateway.transport.as2.terms import Terms
from gateway.transport.base import PIECE, Arrival, Check, Outcome, Proof, Sent
from gateway.transport.pickup import Listed, Seen, name_fault
from gateway.transport.probing import checked
from gateway.transport.spool import Spool

MESSAGE_ID_HOST = "therapy-gateway"

Before = Callable[[str, Mic], bool]
"""Told of the Message-ID and the MIC before the first byte goes out, because an asynchronous receipt may be quicker
than the answer. False: its receipt came meanwhile, and nothing is sent."""


def message_id(reference: str) -> str:
    """The Message-ID of a document of ours, with its brackets."""
    return f"<{reference}@{MESSAGE_ID_HOST}>"


class As2Transport:
    """See ``base.Transport``. ``announced`` holds the partners that said they take up what was cut off."""

    def __init__(
        self,
        settings: As2Settings,
        *,
        before: Before | None = None,
        announced: MutableSet[str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.findings: list[Finding] = []
        self._settings = settings
        self._terms = settings.terms
        self._before = before
        self._announced: MutableSet[str] = set() if announced is None else announced
        self._now = now
        self._wait = wait
        self._spool = partial(Spool, folder=settings.spool)
        self._server = Server(settings, now=now)

    # Sending

    def send(self, name: str, payload: BinaryIO, size: int | None = None, *, reference: str = "") -> Outcome:
        assert reference, "a message over AS2 is known by the reference of its document"
        if fault := name_fault(name):
            return Outcome.refused(f"no file may be sent under this name: {fault}")
        with _Twice(payload, size, self._spool) as content:
            part = Part(name=name, content_type=self._terms.content_type, source=content.opened, size=content.size)
            posted, outgoing = self._built(part, message_id(reference), self._terms)
            if self._before is not None and not self._before(posted.message_id, posted.mic):
                return Outcome.delivered("its receipt came meanwhile")
            try:
                answer = self._post(outgoing)
            except Cut as error:
                return Outcome.unknown(error.what)
            if restart.announced(answer):
                self._announced.add(self._terms.partner)
            return outcome(answer, posted, terms=self._terms, where=self._server.where, at=self._now())

    def _built(self, part: Part, name: str, terms: Terms) -> tuple[Posted, Outgoing]:
        """Raises PartnerRefused where no certificate may be used: no other message would get further."""
        at = self._now()
        try:
            if terms.sign:
                terms.signer(at)
            if terms.encrypt:
                terms.recipient(at)
        except GatewayError as error:
            raise PartnerRefused(error.what, where=error.where, fix=error.fix) from error
        made = build([part], message_id=name, terms=terms, at=at, spool=self._spool)
        assert made.mic is not None, "a message has a MIC"
        return Posted(message_id=name, mic=made.mic, again=made.mic_as), made

    def _post(self, outgoing: Outgoing) -> Answer:
        may_restart = self._settings.restart or self._terms.partner in self._announced
        if not may_restart or outgoing.length < restart.FROM_BYTES:
            return self._server.post(outgoing.headers, outgoing.length, outgoing.chunks())
        return restart.post(
            self._server,
            outgoing.headers,
            outgoing.length,
            outgoing.chunks(),
            spool=self._spool,
            wait=self._wait,
        )

    # There is no folder

    def fetch(self, seen: Seen) -> Iterator[Arrival]:
        return iter(())

    def confirm(self, arrival: Arrival) -> None:
        raise AssertionError("nothing is fetched over AS2, so nothing is confirmed")

    def listing(self) -> tuple[Listed, ...]:
        return ()

    # Looking

    def probe(self, *, writing: bool = False) -> list[Check]:
        return checked(self._steps(writing))

    def _steps(self, writing: bool) -> Iterator[tuple[str, str]]:
        yield "certificates", ""
        terms = self._pinging()
        posted, outgoing = self._built(_test_part(), message_id(f"test-{secrets.token_hex(12)}"), terms)
        yield "certificates", "there are valid ones for what was agreed on"
        yield from self._server.look()
        if not writing:
            return
        yield "message", ""
        answer = self._server.post(outgoing.headers, outgoing.length, outgoing.chunks())
        found = outcome(answer, posted, terms=terms, where=self._server.where, at=self._now())
        yield "message", f"a test message went over, and the server answered {answer.status}"
        yield "receipt", ""
        yield "receipt", self._proof(found, terms)

    def _pinging(self) -> Terms:
        """As agreed, but the receipt comes at once, signed where its signature can be looked at."""
        terms = self._terms
        signed = terms.mdn_signed or bool(terms.their_signers)
        return replace(terms, mdn="sync", mdn_url="", mdn_signed=signed, subject=ping.SUBJECT, compress="")

    def _proof(self, found: Outcome, terms: Terms) -> str:
        """What its receipt proves, in words. Raises PartnerRefused where it proves nothing."""
        if found.state is Sent.DELIVERED and found.receipt is not None:
            signed = "signed under a pinned certificate" if terms.mdn_signed else "not signed"
            return f"{signed}; it says {found.receipt.disposition}, and its MIC is that of what was sent"
        fix = "Ask the partner for a receipt as RFC 4130 describes it"
        if found.receipt is not None and found.receipt.state is Proof.FORGED:
            fix = "Compare signing_certificates with what the partner signs with, and the AS2 names of both sides"
        elif found.receipt is not None:
            fix = cure(found.receipt.disposition)
        raise PartnerRefused(found.reason, where=self._server.where, fix=fix)

    def close(self) -> None:
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _test_part() -> Part:
    size = len(ping.CONTENT)
    return Part(name=ping.NAME, content_type=ping.CONTENT_TYPE, source=lambda: io.BytesIO(ping.CONTENT), size=size)


class _Twice:
    """A payload that is read more than once, from its start; one that cannot be goes into a spool first."""

    def __init__(self, payload: BinaryIO, size: int | None, spool: Callable[[], Spool]) -> None:
        self._payload: BinaryIO = payload
        self._copy: Spool | None = None
        if not payload.seekable():
            self._copy = spool()
            while piece := payload.read(PIECE):
                self._copy.write(piece)
            self._payload = cast(BinaryIO, self._copy)
        self.size = self._measured() if size is None else size

    def _measured(self) -> int:
        with self.opened() as content:
            return sum(map(len, iter(lambda: content.read(PIECE), b"")))

    def opened(self) -> BinaryIO:
        """From its start. One at a time: they share the position."""
        self._payload.seek(0)
        return cast(BinaryIO, _Borrowed(self._payload))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._copy is not None:
            self._copy.close()


class _Borrowed:
    """A file that its reader may close, and that stays open for the next one."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Its owner closes it."""
