"""The gateway and the simulated payer over AS2, each a process of its own: whatever fails, a document arrives once."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.app import open_house
from gateway.cli.demo_cast import Scene, authorization, claim
from gateway.cli.stage import Stage
from gateway.flow.house import House, Transaction
from gateway.settings import Settings

GIVE_UP_S = 100.0
LOOK_EVERY_S = 0.2
COMING = (
    "busy",
    "cut_request",
    "cut_response",
    "slow",
    "no_mdn",
    "late_mdn",
    "wrong_signer",
    "unsigned_mdn",
    "negative_mdn",
)
GOING = ("duplicate", "cut_sending", "cut_receipt")


@dataclass(frozen=True)
class Played:
    """A stage on which so many authorizations, and a claim under each, are on their way."""

    stage: Stage
    house: House
    count: int

    def wait(self) -> None:
        """Until all are certified and paid, and nothing is left to do."""
        until = time.monotonic() + GIVE_UP_S
        while not self._is_over():
            assert time.monotonic() < until, self._seen()
            time.sleep(LOOK_EVERY_S)

    def _is_over(self) -> bool:
        if any((self._payer / "sftp" / "outbound").iterdir()):
            return False
        with self.house.reading() as tx:
            return not _open(tx) and self._states(tx) == {"certified": self.count, "paid": self.count}

    def _states(self, tx: Transaction) -> Counter[str]:
        states = [each.state for each in tx.authorizations.list()] + [each.state for each in tx.claims.list()]
        return Counter(states)

    def _seen(self) -> tuple[Any, ...]:
        with self.house.reading() as tx:
            return self._states(tx), _open(tx), [each.reason for each in tx.tasks.list()], self.journal()[-20:]

    @property
    def _payer(self) -> Path:
        return self.stage.folder / "payer"

    def journal(self) -> list[dict[str, str]]:
        """What the payer did."""
        return [json.loads(line) for line in (self._payer / "journal.jsonl").read_text().splitlines()]

    def told(self, key: str) -> set[str]:
        return {each[key] for each in self.journal() if key in each}

    def arrived_at_the_payer(self) -> Counter[str]:
        return Counter(sha256(path.read_bytes()).hexdigest() for path in (self._payer / "archive").iterdir())

    def sent_by_the_payer(self) -> Counter[str]:
        return Counter(each["digest"] for each in self.journal() if each["did"] == "promised")

    def kept(self, direction: str) -> Counter[str]:
        """What we hold of documents that came from, or went to, the partner."""
        with self.house.reading() as tx:
            found = [each for each in tx.documents.list() if each.partner and each.direction == direction]
        read = self.house.store.payloads.read
        return Counter(sha256(read(each.payload)).hexdigest() for each in found)

    def messages(self) -> dict[str, set[str]]:
        """The states of the messages that went and came."""
        with self.house.reading() as tx:
            return {
                "out": {each.state for each in tx.as2_messages.list("out")},
                "in": {each.state for each in tx.as2_messages.list("in")},
            }

    def tasks(self) -> set[str]:
        """The kinds of what waits for a person."""
        with self.house.reading() as tx:
            return {each.kind for each in tx.tasks.list()}


def _open(tx: Transaction) -> int:
    """Jobs that are to be done; those that only wait for an answer do not count."""
    return tx.jobs.counts()["waiting"] - tx.jobs.open_kinds().get("expect", 0)


@contextmanager
def played(folder: Path, count: int, *, payer: dict[str, Any], terms: dict[str, Any]) -> Iterator[Played]:
    stage = Stage(folder, over="as2", delay_scale=0.05, as2={"retry_s": 0.2, **payer}, as2_terms=terms)
    try:
        stage.configure(stage.start_payer(), batch_max=1)  # One record each: as many messages as faults.
        stage.upgrade()
        stage.start_gateway()
        today = datetime.now(UTC).date()
        for number in range(1, count + 1):
            scene = Scene(name="", member=f"A1-PAID-{number:04}", authorization=(), claim="paid")
            for kind, make in (("authorization", authorization), ("claim", claim)):
                path = stage.intake / f"{kind}-{number}.json.part"
                path.write_text(json.dumps([make(scene, number, today)]))
                path.rename(path.with_suffix(""))
        house = open_house(Settings.load(stage.config), actor="test")
        try:
            yield Played(stage, house, count)
        finally:
            house.store.dispose()
    finally:
        stage.stop()


def check(both: Played) -> None:
    """Each document is on both sides once, and the books balance."""
    both.wait()
    assert both.kept("out") == both.arrived_at_the_payer()
    assert both.kept("in") == both.sent_by_the_payer()
    assert set(both.kept("out").values()) == set(both.kept("in").values()) == {1}
    assert both.told("answers_alike") <= {"yes"}
    with both.house.reading() as tx:
        assert not tx.books.check()


def test_requests_go_out_and_answers_come_back_through_lost_receipts(tmp_path: Path) -> None:
    faults = {"incoming": ["cut_response"], "outgoing": ["cut_receipt", "duplicate"]}
    with played(tmp_path, 1, payer={"faults": faults}, terms={}) as both:
        check(both)
        assert both.told("fault") == {"cut_response", "cut_receipt", "duplicate"}
        assert both.messages() == {"out": {"received"}, "in": {"processed"}}
        assert both.tasks() == set()


@pytest.mark.full
def test_a_wrong_mic_waits_for_a_person_and_holds_nothing_else_up(tmp_path: Path) -> None:
    with played(tmp_path, 1, payer={"faults": {"incoming": ["wrong_mic"]}}, terms={}) as both:
        check(both)
        assert both.told("fault") == {"wrong_mic"}
        assert both.messages() == {"out": {"mismatch", "received"}, "in": {"processed"}}
        assert both.tasks() == {"parked"}


@pytest.mark.full
def test_each_fault_once_and_each_document_once(tmp_path: Path) -> None:
    payer = {"late_s": 1.0, "faults": {"incoming": COMING, "outgoing": GOING}}
    with played(tmp_path, 5, payer=payer, terms={}) as both:
        check(both)
        assert both.told("fault") == {*COMING, *GOING}
        assert both.messages() == {"out": {"received"}, "in": {"processed"}}
        assert both.tasks() == set()


@pytest.mark.full
def test_each_fault_once_with_receipts_that_are_posted_later(tmp_path: Path) -> None:
    """A receipt of a stranger, or without a signature, is kept and told. Its message goes again, or an answer to what
    was in it is quicker and proves as much: then none is waited for."""
    payer = {"mdn": "async", "within_s": 3.0, "late_s": 1.0, "faults": {"incoming": COMING, "outgoing": GOING}}
    with played(tmp_path, 5, payer=payer, terms={"mdn": "async", "mdn_within": "5s"}) as both:
        check(both)
        assert both.told("fault") == {*COMING, *GOING}
        assert both.messages()["in"] == {"processed", "refused"}
        assert both.messages()["out"] - {"sent"} == {"received"}
        assert both.tasks() <= {"as2_refused"}, "closed by the next good receipt"
