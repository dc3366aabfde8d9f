"""Replay: every stored input, in its recorded order, once more from empty; then both ledgers are compared row by row.

An input is done again at its recorded instant, under the ids that its transaction had, and under today's settings.
What moves nothing in a book is passed over, each by its name and with its reason; an unknown name ends the replay.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from gateway.errors import GatewayError
from gateway.flow import accept, changes, clock, deadlines, delivered, receive, recheck, remit, resend, submit
from gateway.flow.house import House, Transaction
from gateway.store import Document, Input, NotInStore
from gateway.store.replaying import Replaying, compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay came to. ``inputs`` counts what was done again and ``passed`` what was passed over, by name;
    ``alike`` the rows of each table that both have, ``differing`` those that differ or that one lacks (table, key).
    ``otherwise`` are inputs that were decided under other settings than today's."""

    inputs: Mapping[str, int]
    passed: Mapping[str, int]
    alike: Mapping[str, int]
    differing: tuple[tuple[str, str], ...]
    otherwise: int


@dataclass(frozen=True, slots=True)
class _Again:
    """One input that is done again: the house that does it, its transaction, and the document it is about."""

    house: House
    tx: Transaction
    given: Input
    original: Transaction
    last: dict[str, list[receive.Received]]

    def document(self) -> Document:
        """The document as it is in the replay."""
        return self.tx.documents.get(self.given.document)

    def records(self) -> list[receive.Received]:
        """The document's records. Those of the last one are kept: a long remittance is read for each of its batches."""
        document = self.document()
        if document.id not in self.last:
            self.last.clear()
            self.last[document.id] = list(receive.read_document(self.house, document))
        return self.last[document.id]


def replay(house: House) -> Replayed:
    """Does everything again beside the house's own store, and compares. Changes nothing in it."""
    with house.reading() as original, Replaying(house.store) as store:
        inputs = original.inputs.list()
        again = replace(house, store=store, clock=store.now)
        last: dict[str, list[receive.Received]] = {}
        done: Counter[str] = Counter()
        passed: Counter[str] = Counter()
        for group in _transactions(inputs):
            store.set(group[0].recorded_at, bytes.fromhex(group[0].seed))
            with store.transaction(replace(house.everything(), actor=group[0].actor)) as tx:
                for given in group:
                    handler = _HANDLERS.get(given.name)
                    if handler is not None:
                        handler(_Again(again, tx, given, original, last))
                        done[given.name] += 1
                    elif given.name in PASSED:
                        passed[given.name] += 1
                    else:
                        raise _unknown(given)
        alike, differing = compared(house.store, store)
    return Replayed(
        inputs=dict(done),
        passed=dict(passed),
        alike=alike,
        differing=tuple(differing),
        otherwise=sum(each.configuration != house.store.configuration for each in inputs),
    )


def _transactions(inputs: Iterable[Input]) -> Iterator[list[Input]]:
    """The inputs that were one transaction, together."""
    for _, group in groupby(inputs, key=lambda each: each.seed or each.id):
        yield list(group)


def _document(again: _Again) -> None:
    """A clinic's file or a partner's: its bytes are kept, and it is recorded as it came in."""
    kept = again.original.documents.get(again.given.document)
    added = again.tx.documents.add(
        direction="in", partner=kept.partner, name="", payload=kept.payload, kind=kept.kind, size=kept.size
    )
    assert added == kept.id, "a document's id comes from the seed of the transaction that recorded it"


def _accept(again: _Again) -> None:
    document = again.document()
    data = again.house.store.payloads.read(document.payload)
    form = document.kind.removeprefix("intake.")
    accept.record(again.house, again.tx, accept.read(again.house, document.id, data, form), document.id)


def _submit(again: _Again) -> None:
    submit.again(again.house, again.tx, again.given.content)


def _receive(again: _Again) -> None:
    receive.again(again.house, again.tx, again.document(), again.records(), again.given.content)


def _remit(again: _Again) -> None:
    record = again.given.content["record"]
    remit.again(again.house, again.tx, again.document(), again.records()[record].record, record)


def _delivered(again: _Again) -> None:
    try:
        document = again.document()
    except NotInStore:
        return  # An acknowledgment of ours: it moves no book, so it was not written again.
    partner = again.house.partner(document.partner)
    delivered.sent(again.house, again.tx, partner, document, attempts=again.given.content["attempts"])


def _expire(again: _Again) -> None:
    clock.expire_by(again.tx, again.given.holds_on)


def _deadlines(again: _Again) -> None:
    deadlines.watched(again.tx)


def _informed(again: _Again) -> None:
    changes.inform(again.tx, again.given.content["subject"], again.given.content["channel"])


def _resend(again: _Again) -> None:
    resend.put_back(again.tx, again.given.content["subject"], again.given.content["cause"])


def _recheck(again: _Again) -> None:
    recheck.let_go(again.tx, again.given.content["subjects"], again.given.id)


_HANDLERS: Mapping[str, Callable[[_Again], None]] = {
    "intake": _document,
    "arrival": _document,
    "accept": _accept,
    "submit": _submit,
    "receive": _receive,
    "remit": _remit,
    "delivered": _delivered,
    "expire": _expire,
    "deadlines": _deadlines,
    "resend": _resend,
    "information_sent": _informed,
    "recheck": _recheck,
}
PASSED: Mapping[str, str] = {
    "answer_overdue": "it asks a person",
    "deposits": "money is posted from the 835; what a bank says of it moves no book",
    "job_retry": "the job that was put back leaves inputs of its own",
    "partner_resume": "it lets traffic go on",
    "tables_import": "what a check found in a table is in the input of the submission that it held up",
}
"""Inputs that move nothing in a book, and why."""


def _unknown(given: Input) -> GatewayError:
    return GatewayError(
        f"input {given.id} is a {given.name}, and nobody knows how to do that again",
        where="inputs",
        fix="It was recorded by another version of the gateway: replay with that one",
    )
