"""Certifications, corrections, transfers: each event of domain facts 6.2 that a person tells, with its evidence."""

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PATIENT, SECRETS, Json, Stage, claim_json, on_sqlite, on_stage, request_json
from test_flow_visits import told, visit, visit_json

from gateway.flow import accept
from gateway.flow.clock import expire_by
from gateway.flow.replay import replay
from gateway.store import Store
from gateway.store.schema import SEALED, metadata

EVIDENCE = {"channel": "phone", "seen_on": "2026-03-02", "by": "Zimmerwald's desk", "reference": "ACCT-31337"}


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def record(kind: str, ref: str, /, **changed: Any) -> Json:
    made = {"type": kind, "organisation": "northside", "clinic": "downtown", "client_ref": f"ACCT-31337-{ref}"}
    return {key: value for key, value in {**made, "evidence": EVIDENCE, **changed}.items() if value is not None}


def certification(ref: str = "A1", /, **changed: Any) -> Json:
    usual: Json = {
        "payer": "SIM01",
        "patient": PATIENT,
        "number": "PHONE1",
        "decided_on": "2026-03-01",
        "starts_on": "2026-03-01",
        "ends_on": "2026-05-31",
        "visits": 12,
    }
    return record("certification", ref, **{**usual, **changed})


def correction(ref: str = "K1", /, **changed: Any) -> Json:
    return record("correction", ref, **{"authorization_ref": "ACCT-31337-A1", **changed})


def test_an_authorization_won_by_phone_is_billed_like_any_other(stage: Stage) -> None:
    assert told(stage.submit(certification())) == {"accepted": 1}
    assert told(stage.submit(certification())) == {"repeated": 1}
    assert told(stage.submit(certification(visits=20))) == {"conflicts": 1}
    assert stage.units() == {"available": 12}
    assert (stage.request().state, stage.request().number) == ("certified", "PHONE1")
    stage.submit(visit_json(status="took_place"), claim_json())
    stage.work()
    assert stage.units() == {"available": 11, "committed": 1}
    assert stage.claim().claim.authorization == "PHONE1"
    with stage.reading() as tx:
        (kept,) = tx.instructions.of(stage.request().id)
        (granted, *_) = tx.books.entries(authorization=stage.request().id)
    assert kept.instruction.evidence.reference == "ACCT-31337"
    assert granted.note == f"phone, {kept.id}"
    assert not any(secret in granted.note.lower() for secret in SECRETS)
    assert stage.balanced()


@on_sqlite
def test_an_opening_balance_says_what_was_used_before(stage: Stage) -> None:
    """6.2: GRANT -> AVAILABLE, and what was used before as AVAILABLE -> CONSUMED with its source."""
    stage.submit(certification(used_before=5, used_until="2026-03-01"))
    assert stage.units() == {"available": 7, "consumed": 5}
    assert told(stage.submit(certification("A2", used_before=13, used_until="2026-03-01"))) == {"rejected": 1}
    assert stage.balanced()


def test_a_pended_request_is_certified_by_portal(stage: Stage) -> None:
    stage.submit(request_json(), claim_json())
    stage.work()
    assert stage.claim().state == "waiting"
    won = certification("W1", request_ref="ACCT-31337-A1", payer=None, patient=None)
    assert told(stage.submit(won)) == {"accepted": 1}
    stage.work()
    assert stage.units()["committed"] == 1
    assert told(stage.submit({**won, "client_ref": "ACCT-31337-W2"})) == {"rejected": 1}
    assert stage.claim().state == "sent"
    assert stage.balanced()


@on_sqlite
@pytest.mark.parametrize(
    ("told_of", "after"),
    [
        ({"total": 15}, {"available": 13, "reserved": 2}),
        ({"total": 9}, {"available": 7, "reserved": 2, "returned": 3}),
        ({"remaining": 4}, {"available": 2, "reserved": 2, "returned": 8}),
        ({"total": 1}, {"reserved": 2, "returned": 10}),
    ],
)
def test_the_payers_count_is_taken_and_its_shortfall_told(stage: Stage, told_of: Json, after: dict[str, int]) -> None:
    """6.2: upwards GRANT -> AVAILABLE, downwards AVAILABLE -> RETURNED, the shortfall a task."""
    stage.submit(certification())
    stage.submit(visit_json(1), visit_json(2, served_on="2026-03-05"))
    assert told(stage.submit(correction(**told_of))) == {"accepted": 1}
    assert told(stage.submit(correction(**told_of))) == {"repeated": 1}
    assert stage.units() == after
    assert len(stage.tasks("payer_count")) == (1 if told_of == {"total": 1} else 0)
    assert stage.balanced()


@on_sqlite
def test_a_window_that_ends_later_wakes_what_had_expired(stage: Stage) -> None:
    stage.submit(certification(ends_on="2026-03-10"), visit_json())
    with stage.store.transaction(stage.house.everything()) as tx:
        expire_by(tx, date(2026, 3, 11))
    assert stage.units() == {"reserved": 1, "expired": 11}
    assert told(stage.submit(correction(ends_on="2026-04-30"))) == {"accepted": 1}
    assert stage.units() == {"available": 11, "reserved": 1, "moved": 11}
    assert told(stage.submit(visit_json(2, served_on="2026-04-20"))) == {"accepted": 1}
    assert told(stage.submit(correction("K2", ends_on="2026-05-31"))) == {"accepted": 1}
    assert stage.units() == {"available": 10, "reserved": 2, "moved": 21}
    assert stage.balanced()


@on_sqlite
def test_what_is_left_goes_on_under_the_new_plan(stage: Stage) -> None:
    """6.2: AVAILABLE -> MOVED here, GRANT -> AVAILABLE there."""
    stage.submit(certification(), visit_json(), certification("A2", number="NEW1", visits=0))
    moved = record("transfer", "T1", authorization_ref="ACCT-31337-A1", to_ref="ACCT-31337-A2", reason="continuity")
    assert told(stage.submit({**moved, "amount": 12})) == {"rejected": 1}
    assert told(stage.submit(moved)) == {"accepted": 1}
    assert (stage.units(1), stage.units(2)) == ({"reserved": 1, "moved": 11}, {"available": 11})
    assert stage.balanced()


def test_a_retro_authorization_cures_what_was_uncovered(stage: Stage) -> None:
    """6.2: UNAUTHORIZED -> UNCOVERED; then AVAILABLE -> RENDERED of the new bucket, and UNCOVERED -> UNAUTHORIZED."""
    owner: Json = {"authorization_ref": None, "payer": "SIM01", "patient": PATIENT}
    assert told(stage.submit(visit_json(status="took_place", **owner))) == {"rejected": 1}
    stage.submit(visit_json(status="took_place", override="Zimmerwald came in pain", **owner))
    (held,) = visit(stage).held
    assert (held.account, held.quantity) == ("uncovered", 1)
    stage.submit(certification())
    (held,) = visit(stage).held
    assert (held.account, held.quantity) == ("rendered", 1)
    assert stage.units() == {"available": 11, "rendered": 1}
    stage.submit(claim_json())
    stage.work()
    assert stage.units() == {"available": 11, "committed": 1}
    assert stage.steps(visit(stage).id) == ["visit.rendered", "visit.covered"]
    assert stage.balanced()


@on_sqlite
def test_a_visit_that_is_partly_under_one_authorization_is_cured_by_no_other(stage: Stage) -> None:
    """A visit is one authorization's (6.1): what it lacks waits for that one to cover it."""
    stage.submit(certification(units=4, visits=None, procedures=["97110"]))
    lines = [{"procedure": "97110", "units": 2}, {"procedure": "97140", "units": 1}]
    stage.submit(visit_json(status="took_place", override="Zimmerwald came in pain", lines=lines))
    before = sorted((each.account, each.quantity) for each in visit(stage).held)
    assert before == [("rendered", 2), ("uncovered", 1)]
    stage.submit(certification("A2", units=4, visits=None, procedures=["97140"], number="PHONE2"))
    assert sorted((each.account, each.quantity) for each in visit(stage).held) == before
    assert stage.balanced()


@on_sqlite
def test_another_persons_authorization_cures_nobody(stage: Stage) -> None:
    owner: Json = {"authorization_ref": None, "payer": "SIM01", "patient": PATIENT}
    stage.submit(visit_json(status="took_place", override="came in pain", **owner))
    stage.submit(certification(patient={**PATIENT, "first_name": "Peregrine", "born": "2014-11-03"}))
    assert visit(stage).held[0].account == "uncovered"
    assert stage.units() == {"available": 12}


@on_sqlite
def test_csv_and_json_lines_tell_the_same(stage: Stage) -> None:
    row = {
        "type": "certification", "organisation": "northside", "clinic": "downtown", "client_ref": "ACCT-31337-A1",
        "payer": "SIM01", "patient_last_name": "Zimmerwald", "patient_first_name": "Quintessa",
        "patient_born": "1981-07-19", "patient_member_id": "MBR77001234", "number": "PHONE1",
        "decided_on": "2026-03-01", "starts_on": "2026-03-01", "ends_on": "2026-05-31", "visits": "12",
        "evidence_channel": "phone", "evidence_seen_on": "2026-03-02", "evidence_by": "Zimmerwald's desk",
        "evidence_reference": "ACCT-31337",
    }  # fmt: skip
    assert told(_submit(stage, _csv(row), "csv")) == {"accepted": 1}
    lines = b"\n".join(json.dumps(each).encode() for each in (certification(), visit_json()))
    assert told(_submit(stage, lines, "jsonl")) == {"accepted": 1, "repeated": 1}
    assert told(_submit(stage, _csv(visit_json(2)), "csv")) == {"accepted": 1}
    assert stage.units() == {"available": 11, "reserved": 1}, "two appointments of one day are one visit"


def _csv(row: dict[str, Any]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(row))
    writer.writeheader()
    writer.writerow(row)
    return out.getvalue().encode()


def _submit(stage: Stage, data: bytes, form: str) -> Json:
    target = stage.folder / "told.result.json"
    with stage.store.transaction(stage.house.everything()) as tx:
        accept.take(stage.house, name="x", data=data, form=form, answer_to=str(target), tx=tx)
    stage.work("accept", "answer")
    result: Json = json.loads(target.read_text())
    return result


def test_told_again_from_the_inputs_the_ledger_is_the_same(stage: Stage) -> None:
    stage.submit(certification(), visit_json(), visit_json(2, served_on="2026-03-05"))
    stage.submit(visit_json(status="took_place"), correction(total=9), claim_json())
    stage.work()
    done = replay(stage.house)
    assert done.differing == ()
    assert done.alike["entries"] == 6


@on_sqlite
def test_nothing_of_a_patient_lies_open(stage: Stage) -> None:
    """What people write as evidence, reason or note may name the patient: it is sealed, and in no entry or event."""
    owner: Json = {"authorization_ref": None, "payer": "SIM01", "patient": PATIENT}
    stage.submit(visit_json(status="took_place", override="Zimmerwald came in pain", note="Quintessa", **owner))
    stage.submit(certification(note="Zimmerwald", visits=1), visit_json(2), correction(total=3, note="Quintessa"))
    stage.submit(visit_json(2, "no_show", note="Zimmerwald"), visit_json(3, "took_place", served_on="2026-03-01"))
    with stage.reading() as tx:
        for name in metadata.tables:
            for row in tx.connection.exec_driver_sql(f'SELECT * FROM "{name}"'):
                open_text = " ".join(f"{value!r}" for key, value in row._mapping.items() if key != SEALED.get(name))
                assert not any(secret in open_text.lower() for secret in SECRETS), name
