"""What is built for a partner and faulted by its guide: each finding names the field of the record."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flow_stage import PARTNER, settings_in

from gateway.domain.authorization import RequestMessage
from gateway.domain.claim import ClaimBatch
from gateway.domain.plain import from_plain
from gateway.flow import wire

GOLDEN = Path(__file__).parent / "fixtures" / "golden"


def golden(name: str, kind: type[Any]) -> Any:
    return from_plain(kind, json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")))


def faulted(tmp_path: Path, transaction: wire.Transaction, record: Any) -> set[str]:
    """The fields that the findings about a record name."""
    _, findings = wire.build(transaction, record, settings_in(tmp_path).partners[PARTNER])
    return {each.field for each in findings}


def test_what_is_sound_has_no_findings(tmp_path: Path) -> None:
    assert faulted(tmp_path, wire.CLAIM, golden("837p", ClaimBatch)) == set()
    assert faulted(tmp_path, wire.REQUEST, golden("278_request", RequestMessage)) == set()


def test_a_partner_may_want_a_qualifier_that_the_guide_does_not_know(tmp_path: Path) -> None:
    """ISA05 and ISA07 are what partners agree on; a code outside of the guide is a warning, and no reason to hold."""
    partner = settings_in(tmp_path).partners[PARTNER]
    envelope = partner.envelope.model_copy(update={"receiver_qualifier": "12"})
    _, findings = wire.build(wire.CLAIM, golden("837p", ClaimBatch), partner.model_copy(update={"envelope": envelope}))
    assert not findings


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"release": "Q"}, "claims[1].release"),
        ({"referral": "R" * 60}, "claims[1].referral"),
        ({"control_number": ""}, "claims[1].control_number"),
    ],
    ids=["code", "length", "missing"],
)
def test_a_fault_of_a_claim_names_its_field(tmp_path: Path, changed: dict[str, Any], field: str) -> None:
    batch = golden("837p", ClaimBatch)
    first, second, third = batch.claims
    assert faulted(tmp_path, wire.CLAIM, replace(batch, claims=(first, replace(second, **changed), third))) == {field}


def test_a_fault_of_a_line_names_the_line(tmp_path: Path) -> None:
    batch = golden("837p", ClaimBatch)
    first, *others = batch.claims
    lines = (first.lines[0], replace(first.lines[1], authorization="G" * 60))
    broken = replace(batch, claims=(replace(first, lines=lines), *others))
    assert faulted(tmp_path, wire.CLAIM, broken) == {"claims[0].lines[1].authorization"}
