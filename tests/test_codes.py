"""The code lists: whole, dated, and agreeing with the guides, with pyx12 and with what the program reads of them."""

import tomllib
import xml.etree.ElementTree as ET
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answer import InterchangeAcknowledgment, Status, Verdict
from gateway.errors import GatewayError
from gateway.resources import folder
from gateway.settings.identifiers import npi_is_valid, npi_with_check_digit
from gateway.x12.codes import Verdict as Standing
from gateway.x12.codes import category, current, expand, known, load, meaning, npi_is_sound

LISTS = sorted(path for path in (folder("edi_maps") / "codes").glob("*.toml") if path.stem != "carc_consequences")


@cache
def _list(name: str) -> dict[str, Any]:
    return tomllib.loads((folder("edi_maps") / "codes" / f"{name}.toml").read_text("utf-8"))


@cache
def _pyx12(name: str) -> ET.Element:
    return ET.fromstring(files("pyx12").joinpath("map", name).read_bytes())


def _codes_at(root: ET.Element, *references: str) -> set[str]:
    return {
        code.text or ""
        for element in root.iter("element")
        if element.get("xid") in references
        for code in element.iter("code")
    }


def _code_set(number: str) -> set[str]:
    return {
        code.text or ""
        for each in _pyx12("codes.xml").iter("codeset")
        if each.findtext("id") == number
        for code in each.iterfind("version/code")
    }


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_a_list_names_its_source_and_day_and_each_code(path: Path) -> None:
    whole = load(path.stem)
    assert whole.source
    assert whole.title
    assert whole.as_of <= date(2026, 11, 25)
    assert whole.codes >= whole.entries.keys()
    names = [meaning(path.stem, code) for code in whole.entries]
    assert all(name and name == name.strip() for name in names)
    assert len(set(names)) == len(names), "two codes with one name cannot be told apart on a screen"


def test_a_code_comes_with_its_words() -> None:
    assert meaning("carc", "197") == "authorization absent"
    assert meaning("TA105", "025") == "control number was used before"
    assert (meaning("hcr03", "0F"), category("hcr03", "0F")) == ("not medically necessary", "medical")
    assert category("ta105", "025") == ""


@pytest.mark.parametrize(("name", "code"), [("carc", "9999"), ("hcr03", ""), ("stc", "A1"), ("../codes/carc", "x")])
def test_an_unknown_code_or_list_has_no_words(name: str, code: str) -> None:
    assert (meaning(name, code), category(name, code)) == ("", "")


@pytest.mark.parametrize("name", ["hcr01", "aaa04"])
def test_a_whole_list_of_the_278_is_the_guides(name: str) -> None:
    assert set(_list(name)["codes"]) == _of_the_response(name.upper())


def test_each_reject_reason_that_the_guide_allows_has_words() -> None:
    allowed = _of_the_response("AAA03")
    assert len(allowed) > 40
    assert {code for code in allowed if not meaning("aaa03", code)} == set()


def _of_the_response(reference: str) -> set[str]:
    return _codes_of(ET.parse(folder("edi_maps") / "guides" / "278.5010.X217.response.xml").getroot(), reference)


@pytest.mark.parametrize(
    ("name", "references", "only_theirs"),
    [
        ("ik304", ("IK304",), set()),
        ("ik403", ("IK403",), {"11"}),  # 999 005010X231A1 has 12 for it.
        ("ik501", ("IK501", "AK901"), set()),
        ("ik502", ("IK502",), set()),
        ("ak905", ("AK905",), set()),
    ],
)
def test_lists_of_the_999_are_those_of_its_guide(name: str, references: tuple[str, ...], only_theirs: set[str]) -> None:
    theirs = _codes_at(_pyx12("999.5010X231.A1.xml"), *references)
    assert set(_list(name)["codes"]) == theirs - only_theirs


def test_notes_of_the_ta1_are_those_of_the_control_guide() -> None:
    assert set(_list("ta105")["codes"]) == _codes_at(_pyx12("x12.control.00501.xml"), "TA105")


@pytest.mark.parametrize(
    ("name", "number", "only_ours"),
    [
        ("claim_status_category", "claim_status_cat", set()),
        ("claim_status", "claim_status", set()),
        ("place_of_service", "pos", set()),
        ("currencies", "currency", set()),
        ("states", "states", {"PW", "NL", "NU"}),
        ("countries", "country", {"AX", "BL", "BQ", "CW", "GG", "IM", "JE", "ME", "MF", "RS", "SS", "SX", "TL"}),
    ],
)
def test_a_list_has_the_numbers_that_pyx12_has_and_ours(name: str, number: str, only_ours: set[str]) -> None:
    assert load(name).codes == _code_set(number) | only_ours


def test_entities_are_pyx12s_and_those_of_the_guides() -> None:
    guides = ("837.5010.X222.A1.xml", "835.5010.X221.A1.xml", "277.5010.X214.xml")
    named = set().union(*(_codes_at(_pyx12(each), "NM101", "N101") for each in guides))
    assert load("entities").codes >= _code_set("entity_id") | named


def test_remark_codes_are_pyx12s_and_two_hundred_more() -> None:
    assert load("rarc").codes > _code_set("remark_code")
    assert len(load("rarc").codes) == 1216, "the number that x12.org showed"


def test_adjustment_reasons_are_as_many_as_x12_showed() -> None:
    assert len(load("carc").codes) == 407
    retired = {code for code in load("carc").codes if known("carc", code) is Standing.RETIRED}
    assert len(retired) == 110


def test_reasons_of_the_835_for_a_provider_are_those_of_its_guide() -> None:
    guide = _pyx12("835.5010.X221.A1.xml")
    assert load("plb_reason").codes == _codes_at(guide, "PLB03-01")
    assert current("claim_adjustment_group", date(2026, 1, 1)) == _codes_at(guide, "CAS01")


@pytest.mark.parametrize(
    ("name", "code", "on", "standing"),
    [
        ("carc", "197", date(2026, 1, 1), Standing.CURRENT),
        ("carc", "62", date(2007, 3, 31), Standing.CURRENT),
        ("carc", "62", date(2007, 4, 1), Standing.RETIRED),
        ("carc", "62", None, Standing.RETIRED),
        ("carc", "273", date(2015, 10, 31), Standing.NOT_YET),
        ("carc", "273", date(2015, 11, 1), Standing.CURRENT),
        ("carc", "309", date(2026, 1, 1), Standing.UNKNOWN),
        ("rarc", "N813", None, Standing.UNKNOWN),
        ("hcr03", "99", None, Standing.NOT_EVALUATED),
        ("cpt_therapy", "97127", date(2017, 12, 31), Standing.NOT_YET),
        ("cpt_therapy", "97127", date(2019, 12, 31), Standing.CURRENT),
        ("cpt_therapy", "97127", date(2020, 1, 1), Standing.RETIRED),
        ("place_of_service", "10", date(2021, 12, 31), Standing.NOT_YET),
        ("aaa03.2000A", "42", None, Standing.CURRENT),
        ("aaa03.2000A", "72", None, Standing.UNKNOWN),
    ],
)
def test_a_code_is_held_against_its_days(name: str, code: str, on: date | None, standing: Standing) -> None:
    assert known(name, code, on) is standing


def test_what_is_certain_needs_no_date() -> None:
    certain = current("carc")
    assert "197" in certain
    assert not certain & {"62", "273", "309"}
    assert current("carc", date(2007, 3, 31)) > {"62", "197"}


def test_reject_reasons_by_loop_are_those_of_the_guide() -> None:
    root = ET.parse(folder("edi_maps") / "guides" / "278.5010.X217.response.xml").getroot()
    seen = 0
    for loop in root.iter("loop"):
        for segment in loop.findall("segment"):
            if segment.get("xid") == "AAA":
                assert load(f"aaa03.{loop.get('xid')}").codes == _codes_of(segment, "AAA03"), loop.get("xid")
                seen += 1
    assert seen >= 10


def _codes_of(root: ET.Element, reference: str) -> set[str]:
    patterns = [each.findtext("regex") or "" for each in root.iter("element") if each.get("xid") == reference]
    return _codes_at(root, reference) | {code for each in patterns for code in each.strip("^()$").split("|") if code}


def test_a_range_counts_digits_behind_equal_letters() -> None:
    assert " ".join(expand("M9-M11 MA01-MA02 07 A-B 1-3")) == "M9 M10 M11 MA01 MA02 07 A-B 1 2 3"


def test_a_list_with_mistakes_tells_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "codes").mkdir()
    monkeypatch.setattr("gateway.x12.codes.folder", lambda _: tmp_path)
    text = 'title = "t"\ncomplete = "yes"\nfoo = 1\n[[spans]]\nsince = 2020-01-01\nuntil = 2019-01-01\ncodes = "1"\n'
    (tmp_path / "codes" / "wrong.toml").write_text(text, "utf-8")
    with pytest.raises(GatewayError) as error:
        load("wrong")
    assert [each.what.split()[0] for each in error.value.findings] == ["foo", "source", "date", "complete", "span"]


def test_a_file_that_is_not_toml_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "torn.toml").write_text('title = "', "utf-8")
    monkeypatch.setattr("gateway.x12.codes.folder", lambda _: tmp_path)
    with pytest.raises(GatewayError, match="not TOML") as error:
        load("torn")
    assert error.value.where == "edi_maps/codes/torn.toml"
    assert len(error.value.findings) == 1


def test_a_list_that_is_not_there_is_told() -> None:
    with pytest.raises(GatewayError, match="no such code list"):
        load("nowhere")


@given(st.text("0123456789", min_size=10, max_size=10))
def test_a_check_digit_is_judged_as_the_settings_judge_it(digits: str) -> None:
    assert npi_is_sound(digits) == npi_is_valid(digits)
    assert npi_is_sound(npi_with_check_digit(digits[:9]))


@pytest.mark.parametrize("text", ["", "123456789", "12345678930", "12345a7893", " 123456789", "१२३४५६७८९३"])
def test_what_is_no_provider_id_is_unsound(text: str) -> None:
    assert not npi_is_sound(text)


def test_the_sample_of_the_check_digits_paper_is_sound() -> None:
    assert npi_is_sound("1234567893")


def test_verdicts_are_those_that_the_program_reads() -> None:
    for code in _list("claim_status_category")["codes"]:
        verdict = Status(category=code, code="20").verdict
        assert category("claim_status_category", code) == verdict or verdict == Verdict.UNKNOWN, code
    for code in "AER":
        (answer,) = InterchangeAcknowledgment(control_number="1", created_on="", created_at="", code=code).answers()
        assert category("ik501", code) == answer.verdict


def test_each_adjustment_reason_with_a_consequence_has_words() -> None:
    reasons = _list("carc_consequences")["reasons"]
    assert {code for code in reasons if not meaning("carc", code)} == set()
