"""Made-up records for the intake tests: the configuration they refer to, and strategies for valid ones."""

import copy
import itertools
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from gateway.settings import Settings, npi_with_check_digit

TODAY = date(2026, 3, 20)
FIXTURES = Path(__file__).parent / "fixtures" / "intake"
CHECKOUT = Path(__file__).parent.parent

Json = dict[str, Any]


def settings() -> Settings:
    """The shipped configuration: organisation northside, clinics downtown and lakeside, payer SIM01."""
    return Settings.load(CHECKOUT / "conf" / "gateway.toml")


def new_ids() -> Callable[[str], str]:
    """A source of ids that counts."""
    numbers = itertools.count(1)
    return lambda prefix: f"{prefix}_{next(numbers):022}"


_words = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz '-.", min_size=1, max_size=20).filter(str.strip)
_days = st.dates(date(2026, 1, 1), TODAY)
_born = st.dates(date(1930, 1, 1), date(2020, 1, 1)).map(date.isoformat)
_npis = st.integers(100_000_000, 299_999_999).map(lambda nine: npi_with_check_digit(str(nine)))
_diagnoses = st.lists(
    st.from_regex(r"[A-TV-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?", fullmatch=True),
    min_size=1,
    max_size=12,
    unique_by=lambda code: code.replace(".", ""),
)
_procedures = st.sampled_from(["97110", "97112", "97140", "97530", "G0283", "0552T"])
_modifiers = st.lists(st.sampled_from(["GP", "GO", "CQ", "KX", "59"]), max_size=4)
_amounts = st.integers(0, 99_999).map(lambda cents: f"{cents // 100}.{cents % 100:02}")
_addresses = st.fixed_dictionaries(
    {
        "line": _words,
        "city": st.sampled_from(["Springfield", "Ely"]),
        "state": st.sampled_from(["IL", "NY"]),
        "postal_code": st.sampled_from(["62704", "62704-1234", "627041234"]),
    }
)
_common = {
    "organisation": st.just("northside"),
    "clinic": st.sampled_from(["downtown", "lakeside"]),
    "client_ref": st.from_regex(r"[A-Za-z0-9-]{1,20}", fullmatch=True),
    "payer": st.just("SIM01"),
    "diagnoses": _diagnoses,
}
_patients = {"last_name": _words, "born": _born, "sex": st.sampled_from(["female", "male", "unknown"])}
_quantities = st.one_of(
    st.fixed_dictionaries({"visits": st.integers(1, 9999)}),
    st.fixed_dictionaries({"units": st.integers(1, 9999)}),
    st.fixed_dictionaries({"hours": st.integers(1, 6000).map(lambda quarters: str(quarters / 4))}),
    st.fixed_dictionaries({"days": st.integers(1, 365)}),
)


@st.composite
def authorizations(draw: st.DrawFn) -> Json:
    """A valid authorization request, as JSON would hold it."""
    starts = draw(_days)
    insured = draw(st.booleans())
    patient = draw(st.fixed_dictionaries(_patients, optional={"first_name": _words, "address": _addresses}))
    record: Json = {
        "type": "authorization",
        **draw(st.fixed_dictionaries(_common)),
        "patient": {**patient, "member_id": "M1234"} if insured else {**patient, "relationship": "child"},
        "starts_on": starts.isoformat(),
        "ends_on": (starts + timedelta(days=draw(st.integers(0, 180)))).isoformat(),
        **draw(_quantities),
        "lines": [
            {"procedure": draw(_procedures), "modifiers": draw(_modifiers), **draw(_quantities)}
            for _ in range(draw(st.integers(0, 3)))
        ],
    }
    if not insured:
        record["policy_holder"] = {"last_name": draw(_words), "member_id": "M1234"}
    if draw(st.booleans()):
        record["kind"] = draw(st.sampled_from(["extension", "renewal", "revision", "cancel", "appeal"]))
        record["previous_number"] = "CERT1"
    if draw(st.booleans()):
        record["providers"] = [{"role": "ordering", "last_name": draw(_words), "npi": draw(_npis)}]
    return record


@st.composite
def claims(draw: st.DrawFn) -> Json:
    """A valid claim, as JSON would hold it."""
    diagnoses = draw(_diagnoses)
    patient = draw(st.fixed_dictionaries({**_patients, "address": _addresses}))
    lines = [
        {
            "procedure": draw(_procedures),
            "modifiers": draw(_modifiers),
            "charge": draw(_amounts),
            "units": draw(st.integers(1, 9999)),
            "served_on": draw(_days).isoformat(),
            "pointers": draw(st.lists(st.integers(1, len(diagnoses)), min_size=1, max_size=4, unique=True)),
        }
        for _ in range(draw(st.integers(1, 4)))
    ]
    return {
        "type": "claim",
        **draw(st.fixed_dictionaries(_common)),
        "diagnoses": diagnoses,
        "patient": {**patient, "member_id": "M1234"},
        "lines": lines,
        **draw(st.fixed_dictionaries({}, optional={"authorization": st.just("CERT1"), "patient_paid": st.just(0)})),
    }


records = st.one_of(authorizations(), claims())


_PERSON: Json = {
    "last_name": "Quillon",
    "first_name": "Basil",
    "middle_name": "T",
    "suffix": "JR",
    "born": "1950-06-07",
    "sex": "male",
    "address": {"line": "1 Elm", "line2": "Flat 2", "city": "Ely", "state": "NY", "postal_code": "10001-2222"},
}
_SHARED: Json = {
    "organisation": "northside",
    "clinic": "downtown",
    "payer": "SIM01",
    "plan": "Gold 20",
    "line_of_business": "commercial",
    "state": "NY",
    "patient": {**_PERSON, "relationship": "other"},
    "policy_holder": {**_PERSON, "member_id": "M1234", "group_number": "G1"},
    "diagnoses": ["M54.50", "M62.830"],
    "place_of_service": "12",
    "onset_on": "2026-01-10",
    "accident": {"kind": "auto", "happened_on": "2026-01-09", "state": "NY"},
}
_PROVIDER: Json = {
    "last_name": "Marrow",
    "first_name": "Ines",
    "middle_name": "K",
    "npi": "1000000020",
    "taxonomy": "225100000X",
}
_PLACE: Json = {"name": "Elm Hospital", "npi": "1000000038", "address": _PERSON["address"]}
FULL_AUTHORIZATION: Json = {
    "type": "authorization",
    "client_ref": "A-FULL",
    **_SHARED,
    "kind": "extension",
    "previous_number": "CERT1",
    "administrative_reference": "REF1",
    "earlier_ref": "A-EARLIER",
    "service_type": "AE",
    "level": "urgent",
    "starts_on": "2026-03-01",
    "ends_on": "2026-04-30",
    "days": 20,
    "lines": [
        {
            "procedure": "97110",
            "modifiers": ["GP", "KX"],
            "units": 8,
            "starts_on": "2026-03-02",
            "ends_on": "2026-03-30",
        },
        {"procedure": "97150", "hours": "1.5", "starts_on": "2026-03-02"},
    ],
    "providers": [
        {"role": "service", **_PROVIDER, "phone": "(555) 010-0300", "address": _PERSON["address"]},
        {"role": "ordering", **_PROVIDER},
        {"role": "referring", **_PROVIDER},
        {"role": "primary_care", **_PROVIDER},
        {"role": "facility", **_PLACE},
    ],
    "contact": {"name": "Front Desk", "phone": "5550100301", "fax": "5550100302", "email": "desk@northside.example"},
    "note": "Please review before 1 April.",
    "delay_reason": "11",
    "attachments": [
        {"report_type": "08", "transmission": "FX", "control_number": "AT1", "description": "Plan of care"}
    ],
}
FULL_CLAIM: Json = {
    "type": "claim",
    "client_ref": "C-FULL",
    **_SHARED,
    "frequency": "replacement",
    "payer_claim_number": "PCN1",
    "authorization": "CERT1",
    "referral": "RF1",
    "filing": "MB",
    "charge": 133,
    "patient_paid": "10.50",
    "rendering": _PROVIDER,
    "referring": _PROVIDER,
    "facility": _PLACE,
    "attachments": [{"report_type": "08", "transmission": "EL", "control_number": "AT1"}],
    "lines": [
        {
            "procedure": "97110",
            "modifiers": ["GP", "CQ", "KX", "59"],
            "charge": "92.00",
            "units": 2,
            "served_on": "2026-03-05",
            "pointers": [2, 1],
            "minutes": {"therapist": 10, "assistant": 20},
        },
        {"procedure": "97140", "charge": 41, "units": 1, "served_on": "2026-03-06", "authorization": "CERT2"},
    ],
    "other_coverages": [
        {
            "payer_id": "OTH01",
            "payer_name": "OTHER PLAN",
            "sequence": "secondary",
            "holder": {**_PERSON, "member_id": "O1"},
            "relationship": "spouse",
            "filing": "CI",
        }
    ],
}


def without(record: Json, path: tuple[str | int, ...]) -> Json:
    """A copy of the record without what stands at the path."""
    return changed(record, path, None, remove=True)


def changed(record: Json, path: tuple[str | int, ...], value: Any, *, remove: bool = False) -> Json:
    """A copy of the record with another value at the path."""
    whole: Any = copy.deepcopy(record)
    inner = whole
    for part in path[:-1]:
        inner = inner[part]
    if remove:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    result: Json = whole
    return result
