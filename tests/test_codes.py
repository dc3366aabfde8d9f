"""The code lists: whole, dated, and agreeing with the guides, with pyx12 and with what the program reads of them."""

import tomllib
import xml.etree.ElementTree as ET
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.answer import InterchangeAcknowledgment, Status, Verdict
from gateway.resources import folder
from gateway.x12.codes import category, meaning

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
    whole = _list(path.stem)
    assert whole["source"]
    assert isinstance(whole["date"], date)
    assert isinstance(whole["complete"], bool)
    assert whole["codes"]
    names = [meaning(path.stem, code) for code in whole["codes"]]
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
    root = ET.parse(folder("edi_maps") / "guides" / "278.5010.X217.response.xml").getroot()
    patterns = [each.findtext("regex") or "" for each in root.iter("element") if each.get("xid") == reference]
    return _codes_at(root, reference) | {code for each in patterns for code in each.strip("^()$").split("|") if code}


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


@pytest.mark.parametrize(("name", "number"), [("rarc", "remark_code"), ("claim_status_category", "claim_status_cat")])
def test_a_part_of_a_list_is_part_of_it(name: str, number: str) -> None:
    assert set(_list(name)["codes"]) <= _code_set(number)


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
