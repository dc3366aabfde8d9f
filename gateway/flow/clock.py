"""Decisions that only the clock makes: an answer that did not come in time, a window that has ended.

Each is an input like any other: it is stored with the date that it holds for, so that state can be rebuilt.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from gateway import logs
from gateway.domain.visit import Status
from gateway.flow import lifecycle
from gateway.flow.cases import UNANSWERED, State, case, subjects_of
from gateway.flow.house import House, Transaction
from gateway.flow.visits import unsettled_key
from gateway.ledger import units
from gateway.ledger.entry import Account, Cause
from gateway.store import Job

log = logs.get()
_BEFORE: Mapping[str, tuple[str, ...]] = {
    "ta1": (),
    "999": ("ta1",),
    "277ca": ("ta1", "999"),
    "278": ("ta1", "999"),
    "835": ("ta1", "999", "277ca"),
}
_STILL_WAITING = {
    "ta1": (State.WRITTEN, State.SENT),
    "999": (State.WRITTEN, State.SENT),
    "277ca": UNANSWERED,
    "278": UNANSWERED,
    "835": (*UNANSWERED, State.RECEIVED),
}


LATE_ANSWERS = tuple(_BEFORE)


def expectation_key(subject: str, answer: str) -> str:
    return f"overdue:{subject}:{answer}"


def close_expectation(tx: Transaction, subject: str, answer: str) -> None:
    """An exception that its answer closes by itself, however late it comes; so does one that comes after it."""
    for each in (*_BEFORE[answer], answer):
        tx.tasks.close(expectation_key(subject, each), "the answer came")


def close_expectations(tx: Transaction, subject: str) -> None:
    """Nothing more is awaited of a case that was refused."""
    for each in _BEFORE:
        tx.tasks.close(expectation_key(subject, each), "it was refused, and no answer is awaited")


def expect(house: House, job: Job) -> None:
    """Opens one task for every case of a document that still waits for an answer which is due."""
    answer, isa13 = job.payload["answer"], job.payload["isa13"]
    overdue = []
    with house.store.transaction(house.everything()) as tx:
        for subject in subjects_of(tx, "isa13", isa13, job.partner):
            stored = case(tx, subject)
            if State(stored.state) not in _STILL_WAITING[answer] or _came(tx, subject, answer):
                continue
            overdue.append(subject)
            tx.tasks.open(
                expectation_key(subject, answer),
                kind="overdue",
                subject=subject,
                reason=f"no {answer.upper()} has come from {job.partner} for interchange {isa13}",
                fix="Ask the partner for it; the task closes by itself when it comes",
            )
            tx.events.add(subject, "answer.overdue", document=job.payload["document"], answer=answer)
        if overdue:
            tx.inputs.add(
                kind="decision",
                name="answer_overdue",
                holds_on=tx.now.date(),
                document=job.payload["document"],
                content={"answer": answer, "subjects": overdue},
            )
        tx.jobs.finish(job)
    if overdue:
        log.warning("answer.overdue", partner=job.partner, answer=answer, cases=len(overdue))


def _came(tx: Transaction, subject: str, answer: str) -> bool:
    return any(
        each.what == "answer.received" and str(each.detail.get("source", "")).lower() == answer
        for each in tx.events.of(subject)
    )


def expire(house: House, job: Job) -> None:
    """Moves what is left of windows that have ended to EXPIRED; late claims for days inside still draw on it."""
    with house.store.transaction(house.everything()) as tx:
        moved = expire_by(tx, house.today)
        lifecycle.settle(tx, house.today)
        _ask_about_visits(tx, house.today)
        tx.jobs.finish(job)
    if moved:
        log.info("windows.expired", buckets=moved)


def expire_by(tx: Transaction, today: date) -> int:
    """Expires what is left of every window that ended before this day; how many buckets that were."""
    moved = 0
    for bucket in tx.books.buckets_ended_by(today - timedelta(days=1)):
        balance = tx.books.balances([bucket.id], lock=True)[bucket.id]
        left = balance.get(Account.AVAILABLE, 0)
        if not left:
            continue
        cause = Cause(authorization=bucket.authorization, actor="clock")
        entry = units.expire(bucket, balance, left, cause=cause, holds_on=today, key=f"{today}")
        if tx.books.post(entry):
            moved += 1
            tx.events.add(bucket.authorization, "authorization.expired", quantity=left, unit=str(bucket.unit))
    if moved:
        tx.inputs.add(kind="decision", name="expire", holds_on=today, content={"buckets": moved})
    return moved


def _ask_about_visits(tx: Transaction, today: date) -> None:
    """A visit whose day has passed still holds what it booked: somebody says what became of it."""
    for each in tx.appointments.list(state=Status.SCHEDULED, before=today):
        tx.tasks.open(
            unsettled_key(each.id),
            kind="visit",
            subject=each.id,
            reason="the day of this visit has passed, and nobody told what became of it: it holds what was booked",
            fix="Tell that it took place, was cancelled or that nobody came; the task closes by itself",
        )
