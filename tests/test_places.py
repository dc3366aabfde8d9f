"""Where the code lists apply: the places are the guides', what is certain has no fault, each fault is told in words."""

from datetime import date
from pathlib import Path

import pytest

from gateway.errors import GatewayError, Severity
from gateway.x12 import places, source
from gateway.x12.places import Place, certain, check_value, load

GUIDES = [
    "837.5010.X222.A1.xml",
    "835.5010.X221.A1.xml",
    "277.5010.X214.xml",
    "278.5010.X217.request.xml",
    "278.5010.X217.response.xml",
]
DAY = date(2026, 3, 1)


def _place(guide: str, reference: str, loop: str = "") -> Place:
    return next(each for each in load(guide) if each.reference == reference and each.loop in ("", loop))


@pytest.mark.parametrize("guide", GUIDES)
def test_each_place_is_one_of_the_guides(guide: str) -> None:
    walked = list(source.read(guide).walk())
    shared = {each.reference for each in load(GUIDES[0])} & {each.reference for each in load(GUIDES[2])}
    for place in load(guide):
        fitting = [segment for path, _, segment in walked if place.fits(path, segment.tag)]
        having = [segment for segment in fitting if segment.element_at(place.element, place.component)]
        assert having or place.reference in shared, place
        for segment in having:
            assert all(segment.element_at(element, component) for element, component, _ in place.when), place


@pytest.mark.parametrize("guide", GUIDES)
def test_what_is_certain_has_no_fault_on_any_day(guide: str) -> None:
    for place in load(guide):
        sure = certain(place)
        for value in sorted(sure.values or ()):
            for day in (date(2012, 1, 1), DAY, date(2040, 1, 1), None):
                if not place.format:
                    assert check_value(place, value, day) is None


def test_a_guide_without_places_has_none() -> None:
    assert load("999.5010X231.A1.xml") == []


@pytest.mark.parametrize(
    ("guide", "reference", "loop", "value", "rule", "severity", "code"),
    [
        (0, "CLM05-01", "2300", "97", "unknown", Severity.BLOCK, "7"),
        (0, "SV105", "2400", "00", "unknown", Severity.BLOCK, "7"),
        (0, "CLM11-04", "", "ZZ", "unknown", Severity.BLOCK, "7"),
        (0, "N402", "", "XX", "unknown", Severity.BLOCK, "7"),
        (0, "N404", "", "XX", "unknown", Severity.BLOCK, "7"),
        (0, "CUR02", "", "XXX", "unlisted", Severity.NOT_EVALUATED, ""),
        (0, "NM109", "", "1234567890", "form", Severity.WARN, "I12"),
        (0, "PRV03", "", "225100000", "form", Severity.WARN, "I12"),
        (0, "HI01-02", "2300", "M54.50", "form", Severity.BLOCK, "I12"),
        (0, "HI12-02", "2300", "m5450", "form", Severity.BLOCK, "I12"),
        (0, "HI03-01", "2300", "BF", "retired", Severity.WARN, "7"),
        (3, "HI01-01", "2000E", "BK", "retired", Severity.WARN, "7"),
        (0, "SV101-02", "2400", "9711", "form", Severity.BLOCK, "I12"),
        (0, "SV101-02", "2400", "97001", "retired", Severity.WARN, "7"),
        (0, "SV101-03", "2400", "gp", "form", Severity.BLOCK, "I12"),
        (0, "SVD03-02", "2430", "97110GP", "form", Severity.WARN, "I12"),
        (0, "CAS02", "2320", "309", "unknown", Severity.WARN, "7"),
        (0, "MOA03", "2320", "N9999", "unknown", Severity.WARN, "7"),
        (1, "N104", "", "0000000000", "form", Severity.WARN, "I12"),
        (1, "CAS17", "2110", "62", "retired", Severity.WARN, "7"),
        (1, "LQ02", "2110", "N813", "unknown", Severity.WARN, "7"),
        (1, "MIA20", "2100", "M101", "retired", Severity.WARN, "7"),
        (1, "SVC01-02", "2110", "1", "form", Severity.WARN, "I12"),
        (1, "PLB13-01", "", "ZZ", "unknown", Severity.WARN, "7"),
        (2, "STC01-01", "", "Z9", "unlisted", Severity.NOT_EVALUATED, ""),
        (2, "STC10-02", "", "4", "retired", Severity.WARN, "7"),
        (2, "STC11-03", "", "??", "unlisted", Severity.NOT_EVALUATED, ""),
        (3, "UM04-01", "", "98", "unknown", Severity.BLOCK, "7"),
        (3, "HI01-02", "2000E", "1", "form", Severity.BLOCK, "I12"),
        (3, "UM05-04", "", "ZZ", "unknown", Severity.BLOCK, "7"),
        (4, "HCR03", "", "9Z", "unlisted", Severity.NOT_EVALUATED, ""),
        (4, "AAA03", "2000A", "72", "unknown", Severity.WARN, "7"),
    ],
)
def test_a_wrong_value_is_told(
    guide: int, reference: str, loop: str, value: str, rule: str, severity: Severity, code: str
) -> None:
    place = _place(GUIDES[guide], reference, loop)
    fault = check_value(place, value, DAY)
    assert fault is not None
    assert (fault.rule, fault.severity, fault.code) == (f"x12.code.{rule}", severity, code)
    assert (fault.element, fault.component, fault.snip) == (place.element, place.component, 5)
    assert fault.what.startswith(f"{reference} is ")
    assert len(value) < 3 or value not in fault.what.removeprefix(reference)
    assert fault.fix
    assert fault.source


@pytest.mark.parametrize(
    ("guide", "reference", "loop", "value"),
    [
        (0, "CLM05-01", "2300", "11"),
        (0, "NM109", "", "1234567893"),
        (0, "HI01-01", "2300", "ABK"),
        (0, "HI01-01", "2300", "BP"),  # Anesthesia: no diagnosis.
        (0, "HI01-02", "2300", "U071"),
        (0, "HI01-02", "2300", "S72001A"),
        (0, "SV101-02", "2400", "97110"),
        (0, "SV101-02", "2400", "99213"),  # None of therapy's own, and no fault.
        (0, "SV101-02", "2400", "0001F"),
        (0, "SV101-02", "2400", "A0428"),
        (0, "N402", "", "PW"),
        (1, "CAS02", "2110", "302"),
        (1, "LQ02", "2110", "N851"),
        (1, "PLB03-01", "", "WO"),
        (2, "STC01-02", "", "20"),
        (4, "HCR03", "", "0F"),
        (4, "AAA03", "2010C", "72"),
    ],
)
def test_a_right_value_has_no_fault(guide: int, reference: str, loop: str, value: str) -> None:
    assert check_value(_place(GUIDES[guide], reference, loop), value, DAY) is None


def test_a_code_is_judged_by_the_documents_day() -> None:
    place = _place(GUIDES[0], "SV101-02", "2400")
    assert check_value(place, "97001", date(2016, 12, 31)) is None
    early = check_value(place, "97161", date(2016, 12, 31))
    assert early is not None
    assert (early.rule, early.severity) == ("x12.code.not_yet", Severity.WARN)
    assert "97001" in certain(place).doubtful
    assert certain(place).values is None


def test_conditions_are_elements_of_the_same_segment() -> None:
    assert _place(GUIDES[0], "N402").when == ((4, 0, ("", "US", "CA")),)
    assert _place(GUIDES[0], "HI07-02", "2300").when == ((7, 1, ("ABK", "ABF")),)
    assert _place(GUIDES[0], "HI07-02", "2300").fits("2000A/2000B/2300", "HI")
    assert not _place(GUIDES[0], "HI07-02", "2300").fits("2000A/2000B/2300/2400", "HI")
    assert certain(_place(GUIDES[0], "NM109")).npi


def test_files_with_mistakes_tell_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "places").mkdir()
    (tmp_path / "places" / "formats.toml").write_text('[npi]\npattern = "[0-9]{10}"\n', "utf-8")
    (tmp_path / "places" / "common.toml").write_text('[[places]]\nat = "NM109"\nformat = "npi"\n', "utf-8")
    wrong = (
        'severity = "bad"\n[[places]]\nat = "SV1-01"\nformat = "shape"\n[[places]]\nat = "N402"\n'
        '[[places]]\nat = "N402"\nwhen = "N304=US"\nlist = "nowhere"\nwhere = "x"\n'
    )
    (tmp_path / "places" / "837p.toml").write_text(wrong, "utf-8")
    (tmp_path / "places" / "torn.toml").write_text("guides = [", "utf-8")
    monkeypatch.setattr("gateway.x12.places.folder", lambda _: tmp_path)
    for each in (load, places._all, places._formats):
        each.cache_clear()
    try:
        with pytest.raises(GatewayError) as error:
            load("837.5010.X222.A1.xml")
    finally:
        for each in (load, places._all, places._formats):
            each.cache_clear()
    told = " | ".join(str(each) for each in error.value.findings)
    for words in (
        "no severity",
        "no guide",
        "no such format",
        "names no element",
        "neither a list nor",
        "where is no entry",
    ):
        assert words in told
    assert "N304 is not in N4" in told
    assert "no such code list" in told
    assert "not TOML" in told
