"""Records over the wire and back: every record that intake lets through, any that the models allow, and the table that
says what each transaction carries (docs/carried.md)."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from translate_wire import TRANSACTIONS, disturbed, emptied, examined, with_changed

from gateway.domain.parties import EventProvider, Role
from gateway.errors import GatewayError, Severity
from gateway.translate import carried, maps

DOCUMENT = Path(__file__).parents[1] / "docs" / "carried.md"
EXAMPLES = 20
LAW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
GUIDE_ALONE = 2  # SNIP types 1 and 2: what the guide itself says


def as_told(name: str, record: Any) -> Any:
    """The record as the table says that it comes back: without what is not carried, and as the notes say."""

    def one_code(each: Any) -> Any:
        both = isinstance(each, EventProvider) and each.role is Role.RENDERING
        return replace(each, role=Role.SERVICE) if both else each

    record = emptied(record, carried.not_carried(name))
    return with_changed(record, one_code) if name == "278_request" else record


@pytest.mark.parametrize("name", TRANSACTIONS)
@LAW
@given(chosen=st.data())
def test_every_field_that_the_transaction_carries_comes_back_over_the_wire(name: str, chosen: st.DataObject) -> None:
    """Of what we send, nothing at all may be wrong; a payer's documents are held against the guide alone."""
    transaction, mapped = TRANSACTIONS[name], maps.load(name)
    record = chosen.draw(transaction.records())
    one = examined(name, record)
    blocked = [str(each) for each in one.findings if each.severity is Severity.BLOCK]
    if not transaction.sent:
        blocked = [str(each) for each in one.findings if each.snip <= GUIDE_ALONE]
    assert blocked == []
    assert one.root is not None
    assert mapped.read(one.root) == as_told(name, record)
    assert mapped.on_wire(record) == as_told(name, record)


@pytest.mark.parametrize("name", TRANSACTIONS)
def test_any_record_that_the_models_allow_comes_back_or_is_refused(name: str) -> None:
    """No field is lost or changed in silence, whatever is in it: who builds it, writes it or validates it says no, or
    the record comes back."""
    transaction, mapped = TRANSACTIONS[name], maps.load(name)
    seen: Counter[str] = Counter()

    @settings(LAW, max_examples=40, derandomize=True)
    @given(disturbed(transaction.records()))
    def law(record: Any) -> None:
        try:
            one = examined(name, record)
        except GatewayError as error:
            seen["refused" if error.what and error.where else "refused without a word"] += 1
            return
        if any(each.severity is Severity.BLOCK for each in one.findings):
            seen["blocked"] += 1
            return
        assert one.root is not None
        assert mapped.read(one.root) == mapped.on_wire(record)
        seen["came back"] += 1

    law()
    assert "refused without a word" not in seen
    assert min(seen["refused"] + seen["blocked"], seen["came back"]) > 0, seen  # Else the law was about nothing.


# --- The table ---


@pytest.mark.parametrize("name", carried.NAMES)
def test_every_field_is_carried_or_is_told_why_not(name: str) -> None:
    assert list(carried.mistakes(name)) == []


def test_the_table_knows_every_map() -> None:
    assert set(carried.NAMES) == set(TRANSACTIONS)


def test_the_document_is_the_table() -> None:
    fix = "run: python -m gateway.translate.carried > docs/carried.md"
    assert DOCUMENT.read_text(encoding="utf-8") == carried.document(), fix


def test_a_new_field_that_no_line_carries_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = carried.paths
    more = ["claims[].shoe_size"]
    monkeypatch.setattr(carried, "paths", lambda record, at="": [*told(record, at), *([] if at else more)])
    (mistake,) = carried.mistakes("837p")
    assert mistake == "claims[].shoe_size is on no line of 837p.toml, and edi_maps/carried/837p.toml does not say why"


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("claims[].charge", ("2300 CLM02",)),
        ("claims[].place_of_service", ("2300 CLM05-01",)),
        ("claims[].lines[].modifiers", ("2400 SV101-03",)),
        ("claims[].diagnoses", ("2300 HI01-02", "2300 HI02-02...")),
        ("claims[].billing.tax_id_kind", ("2010AA REF01",)),
        ("claims[].subscriber.member_id", ("2010BA NM109",)),
    ],
)
def test_the_table_names_the_elements_of_the_guide(path: str, places: tuple[str, ...]) -> None:
    (field,) = (each for each in carried.table("837p") if each.path == path)
    assert field.places == places
