"""Each element of ISA and GS that is wrong is told at its place, as a warning with its code of the TA1."""

import pytest

from gateway.errors import Finding, Position, Severity
from gateway.x12.acknowledge import Acknowledger
from gateway.x12.envelope import unwrap
from gateway.x12.headers import TransactionSet
from gateway.x12.validate import check

ISA = ["00", " " * 10, "00", " " * 10, "ZZ", "CLINICS".ljust(15), "ZZ", "PAYER".ljust(15)]
ISA += ["260302", "1200", "^", "00501", "000000001", "0", "T", ":"]
GS = ["HC", "CLINICS", "PAYER", "20260302", "1200", "1", "X", "005010X222A1"]


def _document(isa: list[str], gs: list[str], ge: str = "GE*0*1", iea: str = "IEA*1*000000001") -> bytes:
    return "~".join(("*".join(["ISA", *isa]), "*".join(["GS", *gs]), ge, iea, "")).encode()


def _told(data: bytes) -> list[tuple[str, str, int, str]]:
    found = [each for each in unwrap([data]) if isinstance(each, Finding)]
    assert all(isinstance(each.where, Position) for each in found)
    return [
        (each.rule, each.where.tag, each.where.element, (each.codes or {}).get("TA105", ""))
        for each in found
        if isinstance(each.where, Position) and each.where.element
    ]


def _with(values: list[str], ordinal: int, text: str) -> list[str]:
    return [text if at == ordinal else each for at, each in enumerate(values, 1)]


def test_a_sound_envelope_has_no_fault() -> None:
    assert not _told(_document(ISA, GS))


@pytest.mark.parametrize(
    ("ordinal", "text", "rule", "note"),
    [
        (1, "01", "x12.element.code", "010"),
        (3, "99", "x12.element.code", "012"),
        (5, "QQ", "x12.element.code", "005"),
        (6, " " * 15, "x12.element.missing", "006"),
        (6, "A" * 16, "x12.element.long", "006"),
        (7, "  ", "x12.element.missing", "007"),
        (8, "", "x12.element.missing", "008"),
        (9, "261302", "x12.interchange.date", "014"),
        (12, "00200", "x12.element.code", "017"),
        (12, "     ", "x12.element.missing", "017"),
        (13, "00000000A", "x12.interchange.control_number", "018"),
        (14, "2", "x12.element.code", "019"),
        (15, "X", "x12.interchange.usage", "020"),
    ],
)
def test_an_element_of_isa_is_told_once(ordinal: int, text: str, rule: str, note: str) -> None:
    iea = "IEA*1*00000000A" if ordinal == 13 else "IEA*1*000000001"
    assert _told(_document(_with(ISA, ordinal, text), GS, iea=iea)) == [(rule, "ISA", ordinal, note)]


@pytest.mark.parametrize(
    ("ordinal", "text", "rule", "note"),
    [
        (1, "", "x12.element.missing", "024"),
        (1, "HCX", "x12.element.long", "024"),
        (2, "", "x12.element.missing", "024"),
        (2, "A", "x12.element.short", "024"),
        (3, "A" * 16, "x12.element.long", "024"),
        (4, "20260230", "x12.group.date", "024"),
        (5, "2561", "x12.group.date", "024"),
        (7, "Y", "x12.element.code", "024"),
        (8, "", "x12.element.missing", "024"),
    ],
)
def test_an_element_of_gs_is_told_once(ordinal: int, text: str, rule: str, note: str) -> None:
    told = _told(_document(ISA, _with(GS, ordinal, text)))
    assert told == [(rule, "GS", 4 if ordinal == 5 else ordinal, note)]


def test_a_code_that_sets_decide_about_is_left_to_them() -> None:
    """GS01 and GS08 of guides that are not at hand are no faults of the envelope."""
    assert not _told(_document(ISA, _with(_with(GS, 1, "PI"), 8, "006020X314")))


def test_elements_too_many_are_told() -> None:
    assert _told(_document(ISA, [*GS, "A"])) == [("x12.element.too_many", "GS", 9, "024")]
    assert _told(_document(ISA, GS, ge="GE*0*1*A")) == [("x12.element.too_many", "GE", 3, "")]
    assert _told(_document(ISA, GS, iea="IEA*1*000000001*A")) == [("x12.element.too_many", "IEA", 3, "022")]


def test_padding_and_delimiters_are_not_told_twice() -> None:
    isa = ["00", "", "00", "", "ZZ", "CLINICS", "ZZ", "PAYER", *ISA[8:]]
    found = [each.rule for each in unwrap([_document(isa, GS)]) if isinstance(each, Finding)]
    assert found == ["x12.codec.isa_length"]
    unusable = [each for each in unwrap([_document(_with(ISA, 11, "U"), GS)]) if isinstance(each, Finding)]
    assert [(each.rule, each.codes) for each in unusable] == [("x12.codec.isa_repetition", {"TA105": "016"})]


def test_what_is_wrong_with_a_head_lets_its_sets_be_read() -> None:
    body = "ST*837*0001*005010X222A1~SE*2*0001~GE*1*1"
    data = _document(_with(ISA, 12, "00200"), _with(GS, 7, "Y"), ge=body)
    parts = list(unwrap([data]))
    assert sum(isinstance(each, TransactionSet) for each in parts) == 1
    assert {each.severity for each in parts if isinstance(each, Finding)} == {Severity.WARN}


def test_the_ta1_notes_it_and_accepts() -> None:
    answer = Acknowledger()
    for part in check([_document(_with(ISA, 12, "00200"), GS)]):
        if isinstance(part, Finding):
            assert not list(answer.take(part))
        elif hasattr(part, "control_number"):
            assert not list(answer.take(part))  # type: ignore[arg-type]
    (acknowledged,) = answer.end()
    assert (acknowledged.code, acknowledged.note) == ("E", "017")
