"""``ledger``, ``tasks`` and ``jobs``: what is known, shown. Only ``jobs --retry`` changes a thing."""

from collections.abc import Mapping
from dataclasses import asdict

from gateway.cli.output import dollars, emit, say, table
from gateway.flow.house import House
from gateway.flow.remaining import remaining, ruling
from gateway.flow.trace import BucketBalance, bucket_balances
from gateway.flow.trace import trace as find
from gateway.ledger.remaining import BASES, Remaining

ALL = 1_000_000


_COLUMNS = ("available", "reserved", "rendered", "committed", "consumed", "expired", "returned", "moved", "uncovered")


def show_ledger(house: House, authorization: str, *, as_json: bool) -> int:
    """1 where an invariant of a book is broken, or nothing has this number."""
    with house.reading() as tx:
        if authorization:
            found = find(tx, authorization)
            wanted = [tx.authorizations.get(each.id) for each in found if each.kind == "authorization"]
        else:
            wanted = tx.authorizations.list(limit=ALL)
        rows = [each for one in wanted for each in bucket_balances(tx, one)]
        left = {each.bucket: each for one in wanted for each in remaining(tx, one.id)}
        rules = {one.id: str(ruling(house, one)) for one in wanted}
        money = {account: cents for account, cents in sorted(tx.books.money_balances().items()) if cents}
        findings = tx.books.check()
    if as_json:
        shown = {
            "units": [{**asdict(each), "remaining": each.remaining, "left": _left(each, left, rules)} for each in rows],
            "money": money,
            "balanced": not findings,
            "findings": [each.as_json() for each in findings],
        }
        emit(shown, "", as_json=True)
    else:
        table(
            "units",
            ("authorization", "state", "number", "for", "unit", "from", "to", "asked", "granted", *_COLUMNS),
            [_row(each) for each in rows],
        )
        counts = [_left_row(each, left, rules) for each in rows if each.bucket]
        table("left, by each count; * rules by the payer's policy", _LEFT, counts)
        table("money", ("account", "dollars"), [(account, dollars(cents)) for account, cents in money.items()])
        for finding in findings:
            say(str(finding))
        print("both books balance" if not findings else f"{len(findings)} findings")
    if authorization and not wanted:
        say(f"No authorization has the number {authorization}.")
    return 1 if findings or (authorization and not wanted) else 0


def _row(each: BucketBalance) -> tuple[object, ...]:
    granted: object = -each.balances.get("grant", 0) if each.limited else "open"
    return (
        each.authorization,
        each.state,
        each.number,
        ",".join(each.procedures) or "any",
        each.unit,
        each.starts_on,
        each.ends_on,
        each.asked,
        granted if each.bucket else "",
        *(each.balances.get(name, "") for name in _COLUMNS),
    )


_LEFT = ("authorization", "number", "for", "unit", "by rendered", "by claimed", "by adjudicated", "free to book")


def _left(each: BucketBalance, left: Mapping[str, Remaining], rules: Mapping[str, str]) -> dict[str, object] | None:
    """What is left by each count and the one that rules; None where nothing was certified."""
    known = left.get(each.bucket)
    if known is None:
        return None
    rule = rules[each.authorization]
    ruled = known.left[rule] if known.left is not None else None
    return {"ruling": rule, "left": ruled, "by": known.left, "used": known.used}


def _left_row(each: BucketBalance, left: Mapping[str, Remaining], rules: Mapping[str, str]) -> tuple[object, ...]:
    known = left.get(each.bucket)
    counts = known.left if known else None
    marks = ["*" if rules[each.authorization] == basis else "" for basis in BASES]
    shown = [f"{counts[basis]}{mark}" if counts else "open" for basis, mark in zip(BASES, marks, strict=True)]
    free: object = each.remaining if each.limited else "open"
    return each.authorization, each.number, ",".join(each.procedures) or "any", each.unit, *shown, free


def show_tasks(house: House, *, as_json: bool) -> int:
    """1 where anything waits."""
    with house.reading() as tx:
        found = tx.tasks.list(open=True)
    rows = [{"kind": each.kind, "subject": each.subject, "reason": each.reason, "fix": each.fix} for each in found]
    if as_json:
        emit(rows, "", as_json=True)
    else:
        table("waiting for a person", ("kind", "about", "reason", "remedy"), [tuple(each.values()) for each in rows])
    return 1 if rows else 0


def show_jobs(house: House, retry: str, *, as_json: bool) -> int:
    """1 where a job is parked."""
    with house.store.transaction(house.everything()) as tx:
        if retry:
            tx.jobs.unpark(retry)
            tx.tasks.close(f"parked:{retry}", "put back")
            tx.inputs.add(kind="command", name="job_retry", holds_on=tx.now.date(), content={"job": retry})
        found = [*tx.jobs.list(state="parked", limit=ALL), *tx.jobs.list(state="waiting", limit=ALL)]
    rows = [
        {
            "id": each.id,
            "kind": each.kind,
            "state": each.state,
            "partner": each.partner,
            "attempts": each.attempts,
            "due_at": each.due_at.isoformat(timespec="seconds"),
            "reason": each.reason,
        }
        for each in found
    ]
    if as_json:
        emit(rows, "", as_json=True)
    else:
        columns = ("job", "kind", "state", "partner", "attempts", "due", "reason")
        table("jobs", columns, [tuple(each.values()) for each in rows])
    return 1 if any(each["state"] == "parked" for each in rows) else 0
