"""Claim payments a second from an 835 into both databases, and how long `remaining` and `trace` take in a large ledger.

Run: ``PYTHONPATH=tests python bench/ledger.py [--claims N] [--entries N] [--database sqlite|postgresql]``; the stage of
the tests is this bench's, too. Everything is durable: SQLite with synchronous=FULL, PostgreSQL with fsync and
synchronous commits, both on the disk under ``--folder``. The claims are put there first; then a process of its own
takes the 835 in as one document and posts it, from its bytes to both books, and tells its seconds and its peak of
memory. The look-ups come last, in the same database.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import postgres_cluster
from conftest import Clock
from flow_stage import PARTNER, Stage, on_stage, payment, remitted
from ledger_samples import claim as sample
from ledger_samples import line
from ledger_seed import authorization, seed
from measuring import Told
from table import table

from gateway.domain.authorization import Unit
from gateway.domain.claim import Claim
from gateway.domain.parties import Payer, Provider
from gateway.flow import deliver
from gateway.flow.graph import graph
from gateway.flow.remaining import remaining
from gateway.ledger import cents, units
from gateway.ledger.entry import Bucket, Cause
from gateway.ledger.matching import visit_key
from gateway.store import Keyring, Scope, Store

ROOT = Path(__file__).resolve().parent.parent
POST = Path(__file__).with_name("ledger_post.py")
DAY = date(2026, 3, 2)
BATCH = 500
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=50", "shared_buffers=256MB")
LOOKS = 400


def billed(number: int) -> tuple[Claim, Bucket]:
    """A claim of two lines under an authorization of its own, both as the gateway writes them."""
    lines = tuple(
        line(f"L{number:08}{at}", procedure, charge=charge, units=2, served_on=DAY)
        for at, (procedure, charge) in enumerate((("97110", 12000), ("97140", 6000)), 1)
    )
    made = sample(
        *lines,
        id=f"cl_{number:022}",
        organisation="northside",
        clinic="downtown",
        client_ref=f"C{number}",
        control_number=f"CLM{number:08}",
        payer=Payer(id="SIM01", name="SIMULATED HEALTH PLAN"),
        billing=Provider(name="Northside", npi="1234567893"),
        authorization=f"CERT{number:08}",
    )
    bucket = Bucket(
        id=f"bu_{number:022}",
        authorization=f"au_{number:022}",
        organisation="northside",
        clinic="downtown",
        number=f"CERT{number:08}",
        unit=Unit.VISIT,
        modifiers=("GP",),
        starts_on=DAY,
        ends_on=date(2026, 5, 31),
    )
    return made, bucket


def put_claims(stage: Stage, count: int) -> None:
    """So many claims that were sent, each with one visit committed."""
    for first in range(0, count, BATCH):
        with stage.store.transaction(Scope.system("bench")) as tx:
            entries, charges = [], []
            for number in range(first, min(first + BATCH, count)):
                made, bucket = billed(number)
                under = bucket.authorization
                tx.claims.add(made, partner=PARTNER, digest=made.id, state="received", authorization=under)
                tx.claims.update(made.id, sent_at=tx.now)
                tx.identifiers.add(made.id, "clm01", made.control_number, partner=PARTNER, document="do_sent")
                key = visit_key(made, made.lines[0], bucket)
                place = (bucket.authorization, bucket.id, key)
                tx.claims.put_lines(made, {each.control_number: place for each in made.lines})
                tx.books.add_bucket(bucket)
                first_line = made.lines[0].control_number
                cause = Cause(document="do_sent", claim=made.id, authorization=bucket.authorization, line=first_line)
                grant = units.grant(bucket, {}, 12, cause=Cause(document="do_answer"), holds_on=DAY, key="bench")
                balance = {each.target: each.quantity for each in grant.postings}
                entries += [
                    grant,
                    units.commit(bucket, balance, 1, cause=cause, holds_on=DAY, key=made.id, visit_key=key),
                ]
                charges.append(cents.post_claim(made, document="do_sent", holds_on=DAY))
            tx.books.post_all(entries)
            tx.books.post_money_all(charges)


def put_remittance(stage: Stage, count: int) -> str:
    """The 835 that pays all of them, as a document that has just come in; its id. Each tenth claim is denied."""

    def stored(number: int) -> Any:
        made, _ = billed(number)
        return _Named(made)

    payments = []
    for number in range(count):
        paid = payment(stored(number))
        if number % 10 == 9:
            paid = payment(stored(number), paid=(0, 0), reasons=(("CO", "197"), ("CO", "197")))
        payments.append(replace(paid, payer_claim_number=f"PCN{number:08}"))
    content = stage.says(remitted(*payments, check="BENCH0001"))
    payload = stage.store.payloads.put([content])
    with stage.store.transaction(Scope.system("bench")) as tx:
        return deliver.arrived(tx, PARTNER, "bench.835", payload, len(content))


class _Named:
    """What ``payment`` asks of a stored claim."""

    def __init__(self, claim: Claim) -> None:
        self.claim, self.charge, self.control_number = claim, claim.charge, claim.control_number


def looks(stage: Stage, wanted: int, claims: int) -> Told:
    """Milliseconds of each look-up, median and 99th of a hundred."""
    left = [_took(stage, lambda tx, at=at: remaining(tx, authorization(at * 7919 % wanted))) for at in range(LOOKS)]
    found = [_took(stage, lambda tx, at=at: graph(tx, f"CLM{at * 7919 % claims:08}")) for at in range(LOOKS)]
    return {
        "remaining_ms": statistics.median(left),
        "remaining_p99_ms": statistics.quantiles(left, n=100)[98],
        "trace_ms": statistics.median(found),
        "trace_p99_ms": statistics.quantiles(found, n=100)[98],
    }


def _took(stage: Stage, look: Any) -> float:
    start = time.perf_counter()
    with stage.store.transaction(Scope.system("bench"), read_only=True) as tx:
        assert look(tx), "there is something to see"
    return (time.perf_counter() - start) * 1000


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
        return
    user = postgres_cluster.unprivileged()
    for bin_folder in postgres_cluster.binaries(folder):
        server = postgres_cluster.start(folder, bin_folder, user, DURABLE)
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder / 'cluster'}"
        finally:
            server.terminate()
            server.wait()
        return
    raise SystemExit("there is no PostgreSQL here")


def opened(url: str, folder: Path) -> Stage:
    clock = Clock()
    clock.now = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)
    keys = Keyring.load_or_create(folder / "keys.json")
    bare = Store.open(url, payloads=str(folder / "payloads"), keys=keys, check=False)
    bare.upgrade()
    bare.dispose()
    return on_stage(Store.open(url, payloads=str(folder / "payloads"), keys=keys, clock=clock), clock, folder)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--claims", type=int, default=50_000)
    asked.add_argument("--entries", type=int, default=1_000_000)
    asked.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    asked.add_argument("--folder", type=Path)
    given = asked.parse_args()
    rows = [_measured(kind, given) for kind in given.database or ("sqlite", "postgresql")]
    head = ["database", "payments/s", "CPU s", "peak MB", "remaining ms (p99)", "trace ms (p99)"]
    print(f"{given.claims} claim payments in one 835, {given.entries} entries beside, {date.today()}\n")
    print(table(head, rows))


def _measured(kind: str, given: argparse.Namespace) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="gateway-bench-", dir=given.folder) as made:
        folder = Path(made)
        with database(kind, folder) as url:
            stage = opened(url, folder)
            wanted = seed(stage.store, given.entries)
            put_claims(stage, given.claims)
            put_remittance(stage, given.claims)
            if kind == "postgresql":
                with stage.store.engine.connect() as connection:
                    connection.exec_driver_sql("ANALYZE")
            command = [sys.executable, str(POST), url, str(folder)]
            run = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
            if run.returncode:
                raise SystemExit(f"posting failed:\n{run.stderr}")
            told = json.loads(run.stdout.splitlines()[-1])
            with stage.reading() as tx:
                posted = sum(1 for each in tx.payments.list(limit=given.claims + 1) if each.state == "posted")
            assert posted == given.claims, f"{posted} of {given.claims} were posted"
            seen = looks(stage, wanted, given.claims)
            stage.store.dispose()
    return [
        kind,
        f"{given.claims / told['wall']:,.0f}",
        f"{told['cpu']:.1f}",
        f"{told['peak_mb']:.0f}",
        f"{seen['remaining_ms']:.2f} ({seen['remaining_p99_ms']:.2f})",
        f"{seen['trace_ms']:.2f} ({seen['trace_p99_ms']:.2f})",
    ]


if __name__ == "__main__":
    main()
