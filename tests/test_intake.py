"""What a clinic submits: good records become the domain's, each mistake is told at its place, nothing is lost."""

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_samples import (
    CHECKOUT,
    FIXTURES,
    FULL_AUTHORIZATION,
    FULL_CLAIM,
    TODAY,
    Json,
    changed,
    claims,
    new_ids,
    records,
    settings,
    without,
)

from gateway.domain.authorization import AuthorizationRequest, Kind, Quantity, RequestedService, RequestMessage, Unit
from gateway.domain.claim import Claim, ClaimBatch, Performed, Performer, Submitter
from gateway.domain.parties import Relationship, Role
from gateway.errors import Finding, GatewayError, Position
from gateway.flow import schemas
from gateway.flow.intake import Batch, read_batch, shown
from gateway.flow.intake_csv import COLUMNS
from gateway.settings import Settings
from gateway.translate import maps
from gateway.x12 import guide
from gateway.x12.tree import segment

SETTINGS = settings()


def read(content: Any, form: str = "json", today: date = TODAY) -> Batch:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_batch(data, form, SETTINGS, new_ids(), today)


def authorization() -> Json:
    whole: Json = json.loads((FIXTURES / "first_authorization.json").read_text())
    return whole


def claim() -> Json:
    whole: Json = json.loads((FIXTURES / "first_claim.json").read_text())
    return whole


def places(batch: Batch) -> set[str]:
    return {str(each.where) for rejected in batch.rejected for each in rejected.findings}


def told(batch: Batch) -> str:
    found = [*batch.findings, *(each for rejected in batch.rejected for each in rejected.findings)]
    return "\n".join(str(each) for each in found)


# What good records become.


def test_an_authorization_becomes_a_request_with_what_the_clinic_settings_add() -> None:
    (accepted,) = read(authorization()).accepted
    request = accepted.record
    assert isinstance(request, AuthorizationRequest)
    assert request.id.startswith("au_")
    assert (request.kind, request.client_ref, request.service_type) == (Kind.INITIAL, "AUTH-2026-0001", "PT")
    assert request.payer.name == "SIMULATED HEALTH PLAN"
    assert (request.requester.npi, request.requester.tax_id) == ("1234567893", "123456789")
    assert request.requester.organisation
    assert request.diagnoses == ("M25561", "R2689")
    assert request.quantity == Quantity(amount=12, unit=Unit.VISIT)
    assert (request.starts_on, request.ends_on) == (date(2026, 3, 2), date(2026, 5, 29))
    assert request.lines == (
        RequestedService(
            sequence=1, procedure="97110", modifiers=("GP",), quantity=Quantity(amount=12, unit=Unit.VISIT)
        ),
    )
    assert request.subscriber.member_id == "A1-PAID-0001"
    assert request.dependent is None
    assert [each.role for each in request.providers] == [Role.ORDERING]
    assert request.contact is not None
    assert request.contact.phone == "5550100300"


def test_a_claim_becomes_cents_minutes_and_numbers_of_our_own() -> None:
    (accepted,) = read(claim()).accepted
    made = accepted.record
    assert isinstance(made, Claim)
    assert (made.charge, made.lines[0].charge) == (9200, 9200)
    assert made.lines[0].minutes == (Performed(performer=Performer.THERAPIST, minutes=30),)
    assert made.lines[0].pointers == (1, 2)
    assert made.billing.npi == "1234567893"
    assert made.authorization_ref == "AUTH-2026-0001"
    assert re.fullmatch(r"[A-Z0-9]{1,20}", made.control_number)
    assert re.fullmatch(r"[A-Z0-9]{1,30}", made.lines[0].control_number)
    assert "CLAIM" not in made.control_number


def test_a_policy_holder_makes_the_patient_a_dependent_and_hours_become_minutes() -> None:
    first, second = read((FIXTURES / "records.jsonl").read_bytes(), "jsonl").accepted
    assert isinstance(first.record, AuthorizationRequest)
    assert first.record.quantity == Quantity(amount=570, unit=Unit.MINUTE)
    assert first.record.dependent is not None
    assert first.record.dependent.relationship is Relationship.CHILD
    assert first.record.subscriber.person.first == "Winnow"
    assert first.record.patient.first == "Piers"
    assert isinstance(second.record, Claim)
    assert [line.charge for line in second.record.lines] == [11850, 4100]
    assert len({line.control_number for line in second.record.lines}) == 2


def test_csv_rows_of_one_number_are_one_record() -> None:
    batch = read((FIXTURES / "claims.csv").read_bytes(), "csv")
    assert not told(batch)
    made, request = (each.record for each in batch.accepted)
    assert isinstance(made, Claim)
    assert [line.procedure for line in made.lines] == ["97110", "97140"]
    assert made.lines[1].modifiers == ("GP", "CQ")
    assert made.lines[1].minutes == (Performed(performer=Performer.ASSISTANT, minutes=16),)
    assert made.diagnoses == ("M5450", "M62830")
    assert made.patient.address is not None
    assert made.patient.address.line == "17 Mallow Street, Rear"
    assert isinstance(request, AuthorizationRequest)
    assert [each.role for each in request.providers] == [Role.RENDERING]
    assert request.lines[0].quantity == Quantity(amount=16, unit=Unit.UNIT)


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_one_record_reads_the_same_in_every_wrapping(form: str) -> None:
    expected = read([claim()]).accepted[0].digest
    if form == "jsonl":
        wrapped = [json.dumps(claim()).encode(), b"\xef\xbb\xbf" + json.dumps(claim()).encode() + b"\r\n\r\n"]
    else:
        wrapped = [json.dumps(each).encode() for each in (claim(), [claim()], {"records": [claim()]})]
        wrapped.append(json.dumps({"schema": "intake.v1", "records": [claim()]}, indent=2).encode())
        wrapped.append(b"\xef\xbb\xbf" + json.dumps(claim()).encode())
    for each in wrapped:
        assert [accepted.digest for accepted in read(each, form).accepted] == [expected]


def test_csv_is_the_same_with_a_mark_and_other_line_ends() -> None:
    plain = (FIXTURES / "claims.csv").read_bytes()
    expected = [each.digest for each in read(plain, "csv").accepted]
    assert len(expected) == 2
    assert [each.digest for each in read(b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"), "csv").accepted] == expected


def test_csv_and_json_of_the_same_content_are_the_same() -> None:
    columns = {
        "type": "authorization",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": "X-1",
        "payer": "SIM01",
        "patient_last_name": "Fernsby",
        "patient_born": "1979-04-12",
        "patient_member_id": "A1-PAID-0001",
        "diagnoses": "M25.561;R26.89",
        "starts_on": "2026-03-02",
        "hours": "1.5",
        "release_signed": "yes",
        "accident_kind": "auto",
        "accident_happened_on": "2026-01-01",
        "accident_state": "IL",
    }
    written = {
        **{key: value for key, value in columns.items() if not key.startswith(("patient", "accident"))},
        "patient": {"last_name": "Fernsby", "born": "1979-04-12", "member_id": "A1-PAID-0001"},
        "accident": {"kind": "auto", "happened_on": "2026-01-01", "state": "IL"},
        "diagnoses": ["m25.561", "R2689"],
        "hours": 1.5,
        "release_signed": True,
        "note": None,
    }
    rows = f"{','.join(columns)}\n{','.join(columns.values())}\n".encode()
    batches = (read(rows, "csv"), read(written))
    assert [told(each) for each in batches] == ["", ""]
    assert batches[0].accepted[0].digest == batches[1].accepted[0].digest


@given(records)
def test_every_valid_record_is_accepted_and_says_the_same_again(record: Json) -> None:
    first, again = read(record), read({"records": [record]})
    assert not told(first)
    assert first.accepted[0].digest == again.accepted[0].digest
    made = first.accepted[0].record
    assert made.client_ref == record["client_ref"]
    assert not {"id", "trace", "control_number"} & shown(made).keys()


def carried(record: object) -> tuple[Any, Any, tuple[Finding, ...]]:
    """What goes onto the wire for a record, what is read back from it, and what the guide finds in it."""
    message: RequestMessage | ClaimBatch
    if isinstance(record, Claim):
        name, head = "837p", segment("ST", "837", "0001", "005010X222A1")
        sender = Submitter(name="NORTHSIDE", id="N1", contact_name="Desk", contact_phone="5550100200")
        message = ClaimBatch(
            reference="R1",
            created_on=TODAY,
            created_at="0900",
            submitter=sender,
            receiver_name="CLEARING",
            receiver_id="C1",
            claims=(record,),
        )
    else:
        assert isinstance(record, AuthorizationRequest)
        name, head = "278_request", segment("ST", "278", "0001", "005010X217")
        message = RequestMessage(
            reference="R1", created_on=TODAY, created_at="0900", assigner="9SIMULATED", request=record
        )
    map_ = maps.load(name)
    body = map_.build(message)
    walked = guide.load(map_.guide).walk([head, *body, segment("SE", str(len(body) + 2), "0001")], Position())
    return map_.on_wire(message), map_.read(walked.root), walked.findings


@pytest.mark.parametrize(
    "record", [FULL_AUTHORIZATION, FULL_CLAIM, authorization(), claim()], ids=lambda r: r["client_ref"]
)
def test_what_intake_lets_through_the_guides_let_through(record: Json) -> None:
    batch = read(record)
    assert not told(batch)
    sent, received, findings = carried(batch.accepted[0].record)
    assert findings == ()
    assert received == sent


@pytest.mark.parametrize("record", [FULL_AUTHORIZATION, FULL_CLAIM], ids=lambda r: r["type"])
def test_the_full_records_leave_no_key_of_the_schema_out(record: Json) -> None:
    known = schemas.schema(f"{record['type']}.v1")["properties"].keys()
    other_measures = {
        "visits",
        "units",
        "hours",
        "other_coverages",
    }  # One measure at a time; coverages are in the claim.
    defaulted = {
        "authorization_ref",
        "assignment",
        "benefits_assigned",
        "release",
        "signature_on_file",
        "release_signed",
    }
    assert known - record.keys() <= other_measures | defaulted


@given(claims())
def test_other_content_has_another_digest_and_is_shown_as_different(record: Json) -> None:
    other = changed(record, ("lines", 0, "units"), record["lines"][0]["units"] % 9999 + 1)
    (first,), (second,) = read(record).accepted, read(other).accepted
    assert first.digest != second.digest
    assert shown(first.record) != shown(second.record)
    assert shown(first.record) == shown(read(record).accepted[0].record)


# Mistakes, each at its place.

_REQUIRED: dict[str, list[tuple[str | int, ...]]] = {
    "authorization": [
        ("type",),
        ("organisation",),
        ("clinic",),
        ("client_ref",),
        ("payer",),
        ("patient",),
        ("patient", "last_name"),
        ("patient", "born"),
    ],
    "claim": [
        ("type",),
        ("organisation",),
        ("clinic",),
        ("client_ref",),
        ("payer",),
        ("patient",),
        ("patient", "last_name"),
        ("patient", "born"),
        ("patient", "sex"),
        ("patient", "member_id"),
        ("patient", "address"),
        ("patient", "address", "line"),
        ("patient", "address", "city"),
        ("patient", "address", "state"),
        ("patient", "address", "postal_code"),
        ("diagnoses",),
        ("lines",),
        ("lines", 0, "procedure"),
        ("lines", 0, "charge"),
        ("lines", 0, "units"),
        ("lines", 0, "served_on"),
    ],
}


def path_of(parts: tuple[str | int, ...]) -> str:
    return "$" + "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in parts)


@given(record=records, choice=st.integers(0, 100), wrong=st.sampled_from([None, [], {"x": 1}, 7.5, "\u00e9\u4e2d", ""]))
def test_a_required_value_that_is_missing_or_wrong_is_told_at_its_place(record: Json, choice: int, wrong: Any) -> None:
    paths = _REQUIRED[record["type"]]
    parts = paths[choice % len(paths)]
    for mutated in (without(record, parts), changed(record, parts, wrong)):
        if parts[-1] == "charge" and wrong == 7.5 and mutated["lines"][0].get("charge") == 7.5:
            continue  # This one is an amount.
        batch = read(mutated)
        assert not batch.accepted
        assert any(where.startswith(path_of(parts)) for where in places(batch)), told(batch)


@pytest.mark.parametrize(
    ("parts", "value", "expected", "words"),
    [
        (("lines", 0, "units"), 2.5, "$.lines[0].units", "whole number"),
        (("lines", 0, "units"), "2", "$.lines[0].units", "whole number"),
        (("lines", 0, "units"), True, "$.lines[0].units", "whole number"),
        (("lines", 0, "units"), 0, "$.lines[0].units", "at least 1"),
        (("lines", 0, "charge"), "92.005", "$.lines[0].charge", "fraction of a cent"),
        (("lines", 0, "charge"), -1, "$.lines[0].charge", "no amount"),
        (("lines", 0, "charge"), "1,200.00", "$.lines[0].charge", "no amount"),
        (("charge",), "91.99", "$.charge", "add up to 92.00"),
        (("patient_paid",), "92.01", "$.patient_paid", "more than is charged"),
        (("lines", 0, "served_on"), "03/04/2026", "$.lines[0].served_on", "YYYY-MM-DD"),
        (("lines", 0, "served_on"), "2026-02-30", "$.lines[0].served_on", "day that exists"),
        (("lines", 0, "served_on"), "2026-03-21", "$.lines[0].served_on", "still to come"),
        (("lines", 0, "served_on"), "1979-04-11", "$.lines[0].served_on", "before the patient's birth"),
        (("lines", 0, "procedure"), "9711", "$.lines[0].procedure", "CPT"),
        (("lines", 0, "modifiers"), ["GP"] * 5, "$.lines[0].modifiers", "At most 4"),
        (("lines", 0, "modifiers", 0), "GPX", "$.lines[0].modifiers[0]", "modifier"),
        (("lines", 0, "pointers"), [3], "$.lines[0].pointers[0]", "Point at 1 to 2"),
        (("lines", 0, "pointers"), [1, 1], "$.lines[0].pointers[1]", "twice"),
        (("lines", 0, "pointers"), [], "$.lines[0].pointers", "At least 1"),
        (("lines", 0, "unit"), 3, "$.lines[0].unit", "Did you mean units?"),
        (("lines", 0, "minutes", "therapst"), 3, "$.lines[0].minutes.therapst", "Did you mean therapist?"),
        (("place_of_service",), "1", "$.place_of_service", "two digits"),
        (("diagnoses", 0), "25.561", "$.diagnoses[0]", "ICD-10"),
        (("diagnoses", 1), "M25561", "$.diagnoses[1]", "twice"),
        (("diagnoses",), [f"M25.{n:03}" for n in range(13)], "$.diagnoses", "At most 12"),
        (("rendering", "npi"), "1000000021", "$.rendering.npi", "check digit"),
        (("rendering", "taxonomy"), "2251", "$.rendering.taxonomy", "NUCC"),
        (("frequency",), "replacement", "$.payer_claim_number", "which claim"),
        (("patient", "born"), "1779-04-12", "$.patient.born", "nobody"),
        (("patient", "first_name"), "Zo\u00eb", "$.patient.first_name", "without accents"),
        (("patient", "first_name"), "A*B", "$.patient.first_name", "separates fields"),
        (("patient", "last_name"), "X" * 61, "$.patient.last_name", "60 characters"),
        (("patient", "address", "postal_code"), "6270", "$.patient.address.postal_code", "five or nine"),
        (("policy_holder",), {"last_name": "Fernsby", "member_id": "M1"}, "$.patient.relationship", "missing"),
        (("patient", "relationship"), "child", "$.policy_holder", "missing"),
        (("organisation",), "northsid", "$.organisation", "Known here: northside"),
        (("clinic",), "uptown", "$.clinic", "Known here: downtown, lakeside"),
        (("payer",), "OTHER", "$.payer", "Known here: SIM01"),
        (("facility",), {"npi": "1000000012"}, "$.facility.name", "missing"),
        (("facility",), {"npi": "1000000012"}, "$.facility.address", "missing"),
        (("referring",), {"last_name": "Quillon"}, "$.referring.npi", "missing"),
        (("accident",), {"kind": "auto", "happened_on": "2026-01-01"}, "$.accident.state", "missing"),
        (("attachments",), [{"report_type": "08", "transmission": "FX"}], "$.attachments[0].control_number", "number"),
        (("type",), "invoice", "$.type", "authorization, claim"),
    ],
)
def test_a_mistake_in_a_claim_is_told(parts: tuple[str | int, ...], value: Any, expected: str, words: str) -> None:
    batch = read(changed(claim(), parts, value))
    assert not batch.accepted
    assert [each for each in told(batch).splitlines() if each.startswith(f"{expected}: ") and words in each], told(
        batch
    )


@pytest.mark.parametrize(
    ("parts", "value", "expected", "words"),
    [
        (("hours",), 1, "$.hours", "as visits and as hours"),
        (("visits",), 1.5, "$.visits", "whole number"),
        (("ends_on",), "2026-03-01", "$.ends_on", "before the first"),
        (("lines", 0, "starts_on"), "2026-03-01", "$.lines[0].starts_on", "outside"),
        (("lines", 0, "hours"), 0.51, "$.lines[0].hours", "as visits and as hours"),
        (("kind",), "extension", "$.previous_number", "which authorization"),
        (("kind",), "prolongation", "$.kind", "initial"),
        (("starts_on",), None, "$.starts_on", "missing"),
        (("diagnoses",), [], "$.diagnoses", "missing"),
        (("providers", 0, "role"), "facility", "$.providers[0].name", "facility's name"),
        (("providers", 0, "name"), "Clinic", "$.providers[0].name", "Keep name or last_name"),
        (("note",), "x" * 265, "$.note", "264"),
        (("contact",), {"name": "Desk", "phone": "555-01"}, "$.contact.phone", "ten digits"),
        (("contact",), {"name": "Desk"}, "$.contact", "phone, a fax or an email"),
        (("level",), "soon", "$.level", "urgent"),
        (("release_signed",), "yes", "$.release_signed", "true or false"),
    ],
)
def test_a_mistake_in_a_request_is_told(parts: tuple[str | int, ...], value: Any, expected: str, words: str) -> None:
    batch = read(changed(authorization(), parts, value))
    assert not batch.accepted
    assert [each for each in told(batch).splitlines() if each.startswith(f"{expected}: ") and words in each], told(
        batch
    )


def test_only_what_goes_out_as_it_came_in_is_searched_for_delimiters(tmp_path: Path) -> None:
    folder = tmp_path / "trading_partners"
    folder.mkdir()
    shipped = (CHECKOUT / "trading_partners" / "simulated.toml").read_text()
    odd = '[envelope.delimiters]\nelement = "-"\nterminator = "."\n\n[submitter]'
    (folder / "odd.toml").write_text(shipped.replace("[submitter]", odd))
    (tmp_path / "gateway.toml").write_text(
        (CHECKOUT / "conf" / "gateway.toml").read_text().replace("../trading_partners", "trading_partners")
    )
    data = json.dumps([claim(), changed(claim(), ("patient", "last_name"), "St. John")]).encode()
    batch = read_batch(data, "json", Settings.load(tmp_path / "gateway.toml"), new_ids(), TODAY)
    # The member id of the sample has hyphens, which this partner can't carry.
    assert places(batch) == {"$[0].patient.member_id", "$[1].patient.member_id", "$[1].patient.last_name"}


def test_hours_that_are_not_whole_minutes_are_told() -> None:
    request = without(without(authorization(), ("visits",)), ("lines",))
    assert "not whole minutes" in told(read(changed(request, ("hours",), 0.51)))
    assert read(changed(request, ("hours",), "0.05")).accepted
    assert "nothing is asked for" in told(read(request))


def test_every_mistake_of_a_file_comes_at_once_and_the_good_records_are_taken() -> None:
    bad = changed(changed(claim(), ("lines", 0, "units"), -1), ("charge",), "1.00")
    worse = changed(without(authorization(), ("patient", "born")), ("vists",), 3)
    batch = read({"records": [claim(), bad, authorization(), worse, 17]})
    assert [each.index for each in batch.accepted] == [0, 2]
    assert [each.index for each in batch.rejected] == [1, 3, 4]
    assert [each.client_ref for each in batch.rejected] == ["CLAIM-2026-0001", "AUTH-2026-0001", ""]
    assert places(batch) == {
        "$.records[1].lines[0].units",
        "$.records[1].charge",
        "$.records[3].patient.born",
        "$.records[3].vists",
        "$.records[4]",
    }


def test_no_value_of_a_person_is_in_any_finding() -> None:
    marked = json.dumps(claim()).replace("Fernsby", "Zzyzxname").replace("Odette", "Zzyzxname")
    record = changed(json.loads(marked), ("patient", "Zzyzx Name"), "Zzyzxname")
    record = changed(record, ("patient", "born"), "Zzyzxname")
    record = changed(record, ("patient", "member_id"), "Zzyzxname*")
    record = changed(record, ("diagnoses", 0), "Zzyzxname")
    record = changed(record, ("lines", 0, "charge"), "Zzyzxname")
    record = changed(record, ("payer",), "Zzyzxname")
    record = changed(record, ("clinic",), "Zzyzxname")
    batch = read(record)
    assert len(places(batch)) == 6
    assert "zzyzx" not in told(batch).lower()
    csv = (FIXTURES / "claims.csv").read_text().replace("1988-11-02", "Thackerby").replace("M54.50", "Thackerby")
    batch = read(csv.encode(), "csv")
    assert len(batch.rejected) == 2
    assert "thackerby" not in told(batch).lower()


# Files that can't be read, or not wholly.


def test_broken_json_is_told_with_line_and_column() -> None:
    batch = read(b'{"type": "claim",\n "units": 1,,}')
    assert not batch.accepted
    assert str(batch.findings[0].where) == "line 2, column 13"


def test_a_broken_line_spoils_only_itself() -> None:
    good = json.dumps(claim()).encode()
    batch = read(
        b"\n".join([good, b'{"type": ', b"\xff\xfe", json.dumps({**claim(), "charge": 1}).encode(), good]), "jsonl"
    )
    assert [each.index for each in batch.accepted] == [0, 4]
    assert places(batch) == {"line 2, column 10", "line 3", "line 4, $.charge"}


def test_a_key_that_is_there_twice_is_told_and_never_wins_silently() -> None:
    twice = json.dumps(claim()).replace('"units": 2', '"units": 2, "units": 9')
    assert places(read(twice.encode())) == {"$.lines[0].units"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b'{"records": 5}',
        b'{"records": [], "record": 1}',
        b'{"schema": "intake.v2", "records": [{}]}',
        b"[" * 100_000,
        b'{"type":' * 5000,
        b'{"type": "claim", "charge": NaN}',
        b'{"type": "claim", "charge": 1e999999999}',
        b'{"type": "claim", "charge": ' + b"9" * 6000 + b"}",
        b'{"type": "claim", "client_ref": "\\ud800"}',
        b"\xff\xfe{\x00}\x00",
    ],
)
@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_what_is_no_record_gets_a_finding_that_can_be_written_down(data: bytes, form: str) -> None:
    batch = read(data, form)
    assert not batch.accepted
    assert batch.findings or batch.rejected
    assert json.dumps([each.as_json() for each in batch.findings]).encode("ascii")
    told(batch).encode()


def test_an_unknown_format_is_a_finding() -> None:
    assert "Use json, jsonl or csv" in told(read(b"<x/>", "xml"))


_names = st.sampled_from(
    ["type", "organisation", "clinic", "payer", "patient", "lines", "diagnoses", "charge", "units", "born", "records"]
) | st.text(max_size=5)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=6),
    max_leaves=20,
)


@given(data=st.binary(max_size=300), form=st.sampled_from(["json", "jsonl", "csv"]))
def test_no_bytes_ever_raise(data: bytes, form: str) -> None:
    batch = read(data, form)
    assert batch.findings or batch.rejected


@given(record=records, value=_json, choice=st.integers(0, 50))
def test_no_json_in_any_place_ever_raises_or_is_lost(record: Json, value: Any, choice: int) -> None:
    keys = sorted(record)
    batch = read([changed(record, (keys[choice % len(keys)],), value), value])
    assert len(batch.accepted) + len(batch.rejected) == 2
    assert all(each.findings for each in batch.rejected)


# CSV.


def test_header_mistakes_are_all_listed_and_no_record_is_taken() -> None:
    header, *rows = (FIXTURES / "claims.csv").read_text().splitlines()
    header = header.replace("patient_born", "patient_bron").replace("line_units", "units").replace("charge", "units", 1)
    batch = read("\n".join([header, *rows]).encode(), "csv")
    assert not batch.accepted
    text = told(batch)
    assert "row 1, column 8: there is no such column. Did you mean patient_born?" in text
    assert "the column units is there twice" in text
    assert "row 1: the column patient_born is missing" in text
    assert "not separated by commas" in told(read(b"type;organisation\nclaim;x", "csv"))


def test_csv_mistakes_are_told_by_row_and_column() -> None:
    lines = (FIXTURES / "claims.csv").read_text().splitlines()
    lines[1] = lines[1].replace(",92.00,2,", ",92.00,2.5,").replace("1988-11-02", "11/2/1988")
    lines[2] = lines[2].replace("CQ", "CQX").replace("M54.50 M62.830", "M54.50")
    lines[3] = lines[3].replace("1000000020", "1000000021") + ",surplus"
    batch = read("\n".join(lines).encode(), "csv")
    assert not batch.accepted
    assert places(batch) == {
        "row 2, column line_units",
        "row 2, column patient_born",
        "row 3, column patient_born",
        "row 3, column diagnoses",
        "row 3, column line_modifiers",
        "row 4",
        "row 4, column rendering_npi",
    }


def test_a_quote_that_is_never_closed_takes_no_record_in_without_its_lines() -> None:
    broken = (FIXTURES / "claims.csv").read_text().replace('Rear",Springfield', "Rear,Springfield", 2)
    batch = read(broken.encode(), "csv")
    assert not batch.accepted
    assert "quotes" in told(batch)


def test_the_layout_is_documented_column_by_column() -> None:
    text = (CHECKOUT / "docs" / "intake.md").read_text()
    assert [name for name in COLUMNS if f"`{name}`" not in text] == []


# Schemas.


@pytest.mark.parametrize("name", schemas.NAMES)
def test_schemas_are_published_as_json(name: str) -> None:
    published = schemas.schema(name)
    assert published["$id"].endswith(name)
    assert json.loads(json.dumps(published)) == published


def test_the_schema_names_what_is_required_and_nothing_else_is_let_in() -> None:
    published = schemas.schema("claim.v1")
    required = {parts[0] for parts in _REQUIRED["claim"]}
    assert set(published["required"]) == required
    assert published["additionalProperties"] is False
    assert published["$defs"]["BilledLine"]["properties"]["charge"]["anyOf"][0]["pattern"]
    with pytest.raises(GatewayError, match=r"claim\.v1"):
        schemas.schema("claim.v9")


@pytest.mark.parametrize("make", [authorization, claim])
def test_the_documentation_shows_keys_that_exist(make: Callable[[], Json]) -> None:
    text = (CHECKOUT / "docs" / "intake.md").read_text()
    model = schemas.schema(f"{make()['type']}.v1")
    assert [key for key in model["properties"] if f"`{key}`" not in text] == []


@pytest.mark.parametrize("empty", ["organisation", "clinic", "type"])
def test_csv_a_row_with_an_empty_name_of_its_record_is_a_line_of_it(empty: str) -> None:
    header, first, second, *_ = (FIXTURES / "claims.csv").read_text().splitlines()
    cells = second.split(",", 4)
    cells[header.split(",").index(empty)] = ""
    batch = read("\n".join([header, first, ",".join(cells)]).encode(), "csv")
    (only,) = batch.accepted
    assert isinstance(only.record, Claim)
    assert len(only.record.lines) == 2
    assert not batch.rejected


def test_csv_a_row_without_its_number_takes_the_record_before_it_along() -> None:
    """A claim that goes out without one of its lines is billed short, and its number is spent."""
    header, first, second, *_ = (FIXTURES / "claims.csv").read_text().replace(",133.00,", ",,").splitlines()
    batch = read("\n".join([header, first, second.replace("CLAIM-2026-0003", "")]).encode(), "csv")
    assert batch.accepted == ()
    assert len(batch.rejected) == 2
    assert "row 3 has no client_ref" in told(batch)


def test_a_key_beside_the_records_is_told_and_the_records_are_read() -> None:
    bad = {**claim(), "client_ref": "BAD-1", "clinic": "nowhere"}
    batch = read({"records": [claim(), bad], "exported_by": "PMS"})
    assert len(batch.accepted) == 1
    assert "$.records[1].clinic" in {str(found.where) for each in batch.rejected for found in each.findings}
    assert [str(each.where) for each in batch.findings] == ["$.exported_by"]


def test_two_payers_in_one_place_are_told() -> None:
    holder = {"last_name": "Thackerby", "first_name": "Ann", "member_id": "OTHER-1"}
    other = {"payer_id": "OTH01", "payer_name": "Other Plan", "sequence": "primary", "holder": holder}
    batch = read({**claim(), "other_coverages": [other, {**other, "sequence": "secondary"}]})
    assert places(batch) == {"$.other_coverages[0].sequence"}
