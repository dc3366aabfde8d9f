"""What the checks are handed from the store: told of the right patient, and all that a check has to see of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PATIENT, TODAY, Json, Stage, claim_json, line_json, on_sqlite, on_stage
from test_checks import FIXTURES
from test_flow_instructions import certification, record
from test_intake_told import coverage_json

from gateway import rules
from gateway.domain.claim import Claim
from gateway.flow import reference
from gateway.flow.assigning import assign
from gateway.flow.checking import claim_case, patient_of
from gateway.rules.case import ClaimCase
from gateway.rules.policy import Term
from gateway.store import Store

pytestmark = on_sqlite


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def case(stage: Stage, number: int = 1, **policy: Any) -> ClaimCase:
    """A stored claim as the checks see it, with values of the policy changed."""
    claim: Claim = stage.claim(number).claim
    with stage.reading() as tx:
        patient = patient_of(tx, claim)
        assigned = assign(stage.house, tx, claim, patient)
        found = claim_case(stage.house, tx, assigned.claim, assigned.billing, patient)
    return replace(found, policy=replace(found.policy, **policy))


def said(subject: ClaimCase, rule: str) -> list[tuple[str, str]]:
    return [(str(each.where), str(each.severity)) for each in rules.check(subject, [rule])]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"born": "1981-07-20"}, [("$.patient.born", "block")]),
        ({"first_name": "Peregrine", "born": "2014-11-03"}, [("$.patient", "not_evaluated")]),  # Of the same family.
        ({"first_name": "Peregrine"}, [("$.patient", "not_evaluated")]),  # A twin.
        ({}, []),
    ],
)
def test_a_birth_date_that_was_mistyped_is_told_and_a_family_is_told_apart(
    stage: Stage, told: Json, expected: list[tuple[str, str]]
) -> None:
    stage.certified()
    stage.submit(coverage_json(patient={**PATIENT, **told}), claim_json())
    assert said(case(stage), "patient_identity") == expected


@pytest.mark.parametrize(
    ("told", "billed", "expected"),
    [
        ({}, "12", []),  # Where nobody said it, it is not compared.
        ({"place_of_service": "12"}, "12", []),
        ({"place_of_service": "11"}, "12", [("$.place_of_service", "block")]),
        ({"providers": [{"role": "rendering", "last_name": "Vance", "npi": "1000000012"}]}, "11",
         [("$.rendering.npi", "block")]),
    ],
)  # fmt: skip
def test_a_certification_is_compared_by_what_it_tells(
    stage: Stage, told: Json, billed: str, expected: list[tuple[str, str]]
) -> None:
    stage.submit(certification(**told), claim_json(place_of_service=billed))
    assert said(case(stage), "authorization_provider") == expected


def test_a_certifications_plan_is_compared_with_the_coverages(stage: Stage) -> None:
    stage.submit(certification(plan="PPO"), coverage_json(), claim_json())
    assert said(case(stage), "coverage_active") == [("$.authorization", "block")]


def test_what_is_booked_is_there_for_the_visits_that_are_booked(stage: Stage) -> None:
    """Three visits: this one and two booked ones. A claim may not draw on what is booked, but it does not run out."""
    ref = {"discipline": "GP", "authorization_ref": "ACCT-31337-A1", "evidence": None}
    booked = [record("visit", f"B{day}", status="scheduled", served_on=f"2026-03-0{day}", **ref) for day in (4, 5)]
    stage.submit(certification(visits=3), *booked, claim_json())
    assert stage.units() == {"available": 1, "reserved": 2}
    found = case(stage, extension_lead=Term(days=7))
    assert said(found, "extension_lead") == []
    assert said(replace(found, standing=None), "extension_lead") == [("$.authorization", "warn")]


def test_visits_of_which_nobody_entered_any_are_not_known(stage: Stage) -> None:
    """No visit on file may be none, or one that nobody entered: a check that counts them says so, and does not pass."""
    told = record("visit", "B1", status="took_place", served_on=f"{TODAY}", discipline="GP", evidence=None)
    stage.submit(certification(), coverage_json(), claim_json())
    policy: Json = {"extension_lead": Term(days=7), "episode_gap_days": 60, "progress_every": 10}
    counting = ("benefit_limit", "extension_lead", "episode_gap")
    for rule in counting:
        assert {each for _, each in said(case(stage, **policy), rule)} == {"not_evaluated"}, rule
    stage.submit({**told, "authorization_ref": "ACCT-31337-A1"})
    for rule in counting:
        assert said(case(stage, **policy), rule) == [], rule


def test_a_day_is_looked_at_over_all_of_its_claims(stage: Stage) -> None:
    """97530 was billed before: the row of its pair with 97116 is at hand."""
    release = reference.read(
        "ncci", [FIXTURES / "tables" / "ccipra-v322r0.txt"], starts_on=None, whole=False, today=TODAY
    )
    with stage.store.transaction(stage.house.everything()) as tx:
        reference.take_in(tx, release)
    stage.submit(certification())
    for number, code in ((1, "97530"), (2, "97116")):
        lines = [line_json(code, "60.00", 1, f"{TODAY}")]
        stage.submit(claim_json(number, authorization_ref="ACCT-31337-A1", lines=lines))
        stage.work()
    assert said(case(stage, 2, ncci=True), "code_pair") == [("$.lines[0].procedure", "block")]
