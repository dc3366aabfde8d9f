"""The situational rules: each one's faulty example breaks it, its clean one breaks none, and the places are right."""

import re
from pathlib import Path

import pytest

from gateway.errors import GatewayError, Severity
from gateway.x12 import situations, source
from gateway.x12.codes import meaning
from gateway.x12.situations import Rule, SituationFault, check, load
from gateway.x12.terms import Term
from gateway.x12.tree import Loop, Segment, segment

GUIDES = [
    "837.5010.X222.A1.xml",
    "835.5010.X221.A1.xml",
    "277.5010.X214.xml",
    "278.5010.X217.request.xml",
    "278.5010.X217.response.xml",
]
RULES = [(guide, rule) for guide in GUIDES for rule in load(guide)]


def _read(text: str) -> Loop:
    """A loop from ``2300[CLM*1~REF*F8*2~2320[SBR*P]]``."""
    stack = [Loop("")]
    for word in re.findall(r"[0-9A-Z_]+\[|\]|[^\[\]~]+", text):
        if word.endswith("["):
            stack.append(Loop(word[:-1]))
            stack[-2].loops.append(stack[-1])
        elif word == "]":
            stack.pop()
        else:
            stack[-1].segments.append(Segment.from_text(word, number=len(stack[-1].segments) + 1))
    (only,) = stack.pop().loops
    return only


def _check(guide: str, text: str) -> list[SituationFault]:
    return list(check(guide, _read(text)))


@pytest.mark.parametrize(("guide", "rule"), RULES, ids=[rule.id for _, rule in RULES])
def test_the_faulty_example_breaks_the_rule_and_the_clean_one_none(guide: str, rule: Rule) -> None:
    broken = {fault.rule for fault in _check(guide, rule.faulty)}
    assert broken == {f"x12.situation.{rule.id}"}
    assert _check(guide, rule.clean) == []


@pytest.mark.parametrize(("guide", "rule"), RULES, ids=[rule.id for _, rule in RULES])
def test_each_fault_has_words_a_source_and_a_code_of_the_999(guide: str, rule: Rule) -> None:
    for fault in _check(guide, rule.faulty):
        assert not fault.what.endswith(".")
        assert fault.fix[0].isupper()
        assert fault.source
        assert fault.snip == 4
        assert meaning("ik403" if fault.element else "ik304", fault.code)
        assert (fault.segment is None) == (fault.code == "I6" and not fault.element)
        assert fault.segment is not None or fault.after is not None


@pytest.mark.parametrize("guide", GUIDES)
def test_each_rule_names_loops_and_segments_of_its_guide(guide: str) -> None:
    root = source.read(guide)
    walked = list(root.walk())
    loops = {"ST_LOOP", "*"} | {part for path, _, _ in walked for part in path.split("/")}
    for rule in load(guide):
        assert rule.loop in loops, rule.id
        for term in _terms(rule):
            own = "" if rule.loop in ("*", "ST_LOOP") else rule.loop
            end = "/".join(filter(None, (own, *term.path)))
            fitting = [
                each
                for path, _, each in walked
                if each.tag == term.tag and f"/{path}".endswith(f"/{end}" if end else "")
            ]
            assert fitting, (rule.id, term)
            for element in term.elements:
                assert any(each.element_at(element, term.component) for each in fitting), (rule.id, term)


def _terms(rule: Rule) -> list[Term]:
    alternatives = (*rule.when, *rule.needs, *rule.forbids, *([(rule.segment,)] if rule.segment else []))
    return [term for each in alternatives for term in each]


def test_a_missing_segment_is_told_in_its_loop_with_its_trigger() -> None:
    (fault,) = _check(GUIDES[0], "2000B[SBR*P*18~2010BA[NM1*IL*1*DOE~N3*1~N4*X***DE]2300[CLM*1]]")
    assert (fault.loop, fault.tag, fault.element, fault.code) == ("2010BA", "DMG", 0, "I6")
    assert fault.segment is None
    assert fault.after is not None
    assert fault.after.tag == "N4"
    assert fault.trigger is not None
    assert (fault.trigger.tag, fault.trigger_element, fault.trigger_component) == ("SBR", 2, 0)
    assert fault.trigger_loop == ""


def test_a_missing_loop_is_told_after_what_is_there() -> None:
    (fault,) = _check(GUIDES[0], "2000B[HL*2~SBR*P]")
    assert (fault.loop, fault.tag, fault.code) == ("2000C", "HL", "I6")
    assert fault.after is not None
    assert fault.after.tag == "SBR"


def test_a_missing_element_is_told_at_its_segment() -> None:
    faults = _check(GUIDES[0], "2400[LX*1~PWK*PN*FX~PWK*OZ*EL***AC*1]")
    assert [(each.tag, each.element, each.code) for each in faults] == [("PWK", 5, "I9"), ("PWK", 6, "I9")]
    assert {each.segment.number for each in faults if each.segment} == {2}


def test_a_component_that_is_missing_is_told() -> None:
    (fault,) = _check(GUIDES[0], "2300[CLM*1*10***11:B:1*Y*A*Y*Y**AA~DTP*439*D8*20260101]")
    assert (fault.tag, fault.element, fault.component, fault.code) == ("CLM", 11, 4, "I9")
    assert (fault.trigger_element, fault.trigger_component) == (11, 1)


def test_what_is_forbidden_is_told_where_it_stands() -> None:
    (fault,) = _check(GUIDES[0], "2000B[SBR*P*18~2010BA[NM1*IL~N3*1~N4*X***DE~DMG*D8]2000C[HL*3]]")
    assert (fault.loop, fault.tag, fault.code) == ("2000C", "HL", "I9")
    assert fault.segment is not None
    (fault,) = _check(GUIDES[1], "ST_LOOP[BPR*I*10*C*CHK*****2]")
    assert (fault.tag, fault.element, fault.code) == ("BPR", 9, "I13")


def test_a_value_that_does_not_fit_is_told_as_a_code() -> None:
    (fault,) = _check(GUIDES[1], "2110[SVC*HC:97110*1*1~CAS*CO*45*1*1*23*5]")
    assert (fault.rule, fault.element, fault.code) == ("x12.situation.835.group_other", 1, "7")
    assert fault.trigger is not None
    assert fault.trigger_element == 5


def test_paths_are_those_of_the_set() -> None:
    text = "ST_LOOP[BHT*1~2000A[HL*1~2000B[HL*2~SBR*P*18~2010BA[NM1*IL~N3*1~N4*X***DE~DMG*D8]2300[CLM*1*1***11:B:8]]]]"
    (fault,) = _check(GUIDES[0], text)
    assert (fault.loop, fault.tag) == ("2000A/2000B/2300", "REF")
    assert fault.trigger is not None
    assert (fault.trigger.tag, fault.trigger_loop) == ("CLM", "2000A/2000B/2300")
    assert list(check("999.5010X231.A1.xml", _read(text))) == []


@pytest.mark.parametrize("guide", GUIDES)
def test_the_first_look_finds_every_loop_that_breaks_a_rule(guide: str) -> None:
    for rule in load(guide):
        for text in (rule.faulty, rule.clean):
            loop = _read(text)
            thorough = [
                fault
                for each in loop.walk()
                for tried in load(guide)
                if tried.loop in (each.id, "*")
                for fault in situations._check_rule(tried, each, "")
            ]
            assert sorted(each.rule for each in check(guide, loop)) == sorted(each.rule for each in thorough)


def test_a_segment_that_was_built_is_looked_at_like_one_that_was_read() -> None:
    cas = segment("CAS", "CO", "23", "5")
    (fault,) = check(GUIDES[1], Loop("2110", [segment("SVC", ("HC", "97110"), "1", "1"), cas]))
    assert (fault.rule, fault.segment) == ("x12.situation.835.group_other", cas)


def test_only_what_leaves_no_doubt_blocks() -> None:
    blocking = {rule.id for _, rule in RULES if rule.severity is Severity.BLOCK}
    assert all(each.startswith("837p.") for each in blocking), "what comes from a payer is taken and told"
    assert {rule.id for _, rule in RULES if rule.severity is Severity.NOT_EVALUATED} == set()
    assert len({rule.id for _, rule in RULES}) == len(RULES)


def test_files_with_mistakes_tell_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "situations").mkdir()
    text = (
        '[[rules]]\nid = "a"\nloop = "2300"\nwhen = "CLM5=7"\nneeds = "ref*f8"\nwhat = "w"\nfix = "f"\nsource = "s"\n'
        '[[rules]]\nid = "a"\nloop = "2300"\nseverity = "stop"\nwhere = "x"\nwhat = ""\nfix = "f"\nsource = "s"\n'
    )
    (tmp_path / "situations" / "x.toml").write_text(text, "utf-8")
    (tmp_path / "situations" / "a.toml").write_text("guides = [", "utf-8")
    monkeypatch.setattr("gateway.x12.situations.folder", lambda _: tmp_path)
    situations._all.cache_clear()
    try:
        with pytest.raises(GatewayError) as error:
            load(GUIDES[0])
    finally:
        situations._all.cache_clear()
    told = [each.what for each in error.value.findings]
    assert told.pop(0).startswith("the file is not TOML")
    assert told == [
        "it names no guide",
        "rule 1: when has 'CLM5=7', which is no term",
        "rule 1: needs has 'ref*f8', which is no term",
        "rule 2: where is no entry of a rule",
        "rule 2: what is missing",
        "rule 2: another rule has its id",
        "rule 2: it neither needs nor forbids anything",
        "rule 2: stop is no severity",
    ]
