"""The two 278 guides: what they say against the facts they come from, and what pyx12 itself makes of them.

Documents are put together from the guide's own XML, so that each place of it is visited; that the guide is true is
shown by the facts' JSON, by the x12.org examples of the corpus and by two therapy messages written by hand.
"""

import importlib.util
import itertools
import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyx12.map_if import map_if
from pyx12.map_walker import walk_tree
from pyx12.params import ParamsBase
from pyx12.segment import Segment as Pyx12Segment

from gateway.errors import Position
from gateway.resources import folder
from gateway.x12 import guide
from gateway.x12.tree import Segment, segment
from gateway.x12.validate import Examined, examine

ROOT = Path(__file__).resolve().parent.parent
GUIDES = folder("edi_maps") / "guides"
SHARED = ROOT.parent / "shared"
CORPUS = Path(os.environ.get("GATEWAY_CORPUS", SHARED / "corpus"))
FACTS = Path(os.environ.get("GATEWAY_FACTS", SHARED / "facts")) / "278_x217.json"
WHICH = ("request", "response")

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
needs_facts = pytest.mark.skipif(not FACTS.is_file(), reason="the facts are not beside this checkout")


# --- pyx12 as the oracle -------------------------------------------------------------------------------------------


@cache
def _xml(which: str) -> ET.Element:
    return ET.parse(GUIDES / f"278.5010.X217.{which}.xml").getroot()


@cache
def _map(which: str) -> Any:
    settings_of_pyx12 = ParamsBase()
    settings_of_pyx12.set("charset", "E")
    return map_if(_xml(which), settings_of_pyx12, None)


def _plain(one: Segment) -> Pyx12Segment:
    elements = ["^".join(":".join(parts) for parts in repetitions) for repetitions in one.elements]
    return Pyx12Segment("*".join([one.tag, *elements]) + "~", "~", "*", ":")


def _errors(which: str, segments: list[Segment]) -> list[tuple[int, str, str]]:
    """What pyx12 finds in a set from ST to SE: ordinal of the segment, IK304 or IK403 code, element or ""."""
    node, walker = _map(which).getnodebypath("/ISA_LOOP/GS_LOOP/ST_LOOP/ST"), walk_tree()
    walker.forceWalkCounterToLoopStart(node.parent.get_path(), node.get_path())
    found = []
    for number, one in enumerate(segments, 1):
        if number > 1:
            here, _, _, errors = walker.walk_errors(node, _plain(one), number, number, None)
            found += [(number, str(error.err_cde), "") for error in errors]
            if here is None:
                continue
            node = here
        found += [(number, str(error.err_cde), str(error.refdes)) for error in node.is_valid_errors(_plain(one))[1]]
    return found


# --- Documents put together from the guide's XML -------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A segment of the sample document with its node in the guide and those of the loops around it, outermost first."""

    node: ET.Element
    loops: tuple[ET.Element, ...]
    segment: Segment

    def __str__(self) -> str:
        return "/".join([*(loop.get("xid", "") for loop in self.loops), self.segment.tag])


def _codes(node: ET.Element) -> list[str]:
    pattern = node.findtext("regex")
    if pattern:
        return pattern.removeprefix("^(").removesuffix(")$").split("|")
    return [each.text or "" for each in node.iter("code")]


def _value(node: ET.Element, before: str) -> str:
    codes = _codes(node)
    if codes:
        return codes[0]
    number = node.get("data_ele", "")
    kind = _map("request").data_elements.get_by_elem_num(number)
    if number == "1251":
        return "20260105-20260331" if before == "RD8" else "20260105"
    match kind["data_type"]:
        case "DT":
            return "20260105"
        case "TM":
            return "1200"
        case "AN" | "ID":
            return "A" * int(kind["min_len"])
        case _:
            return "1" * int(kind["min_len"])


def _filled(node: ET.Element) -> Segment:
    """The segment with every element that may be sent, but the second of two that exclude each other."""
    values: list[str | tuple[str, ...]] = []
    for element in node:
        if element.tag == "syntax":
            continue
        before = values[-1] if values and isinstance(values[-1], str) else ""
        if element.get("usage") == "N" or (element.get("xid") == "N407"):
            values.append("")
        elif element.tag == "element":
            values.append(_value(element, before))
        else:
            parts: list[str] = []
            for part in element.findall("element"):
                parts.append("" if part.get("usage") == "N" else _value(part, parts[-1] if parts else ""))
            while parts and not parts[-1]:
                parts.pop()
            values.append(tuple(parts))
    return segment(node.get("xid", ""), *values)


def _places(loop: ET.Element, around: tuple[ET.Element, ...], left_out: str) -> Iterator[Place]:
    here = (*around, loop)
    for node in sorted(loop, key=lambda each: int(each.get("pos", 0))):
        if node.tag == "segment":
            yield Place(node, here, _filled(node))
        elif "/".join(each.get("xid", "") for each in (*here, node)).endswith(left_out):
            continue
        else:
            yield from _places(node, here, left_out)


@cache
def _sample(which: str, patient: str) -> tuple[Place, ...]:
    """Every segment of the guide once, its event below the subscriber or below the dependent."""
    top = next(each for each in _xml(which).iter("loop") if each.get("xid") == "ST_LOOP")
    return tuple(_places(top, (), {"subscriber": "2000C/2000D", "dependent": "2000C/2000E"}[patient]))


def _segments(places: tuple[Place, ...]) -> list[Segment]:
    return [place.segment for place in places]


def _changed(one: Segment, element: int, component: int, value: str) -> Segment:
    """The segment with another value at a place counted from 1; component 0 is a simple element."""
    elements = [list(map(list, each)) for each in one.elements]
    elements += [[[""]] for _ in range(element - len(elements))]
    parts = elements[element - 1][0]
    parts += [""] * (component - len(parts))
    parts[max(component, 1) - 1] = value
    return Segment(one.tag, tuple(tuple(map(tuple, each)) for each in elements))


SAMPLES = [(which, patient) for which in WHICH for patient in ("subscriber", "dependent")]


@pytest.mark.parametrize(("which", "patient"), SAMPLES)
def test_a_message_with_every_segment_of_the_guide_passes(which: str, patient: str) -> None:
    assert _errors(which, _segments(_sample(which, patient))) == []


@pytest.mark.parametrize(("which", "patient"), SAMPLES)
def test_each_required_segment_is_missed(which: str, patient: str) -> None:
    places = _sample(which, patient)
    required = [number for number, place in enumerate(places) if place.node.get("usage") == "R"]
    assert len(required) >= 20
    silent = []
    for number in required[1:-1]:  # ST and SE are the envelope's.
        left = [place.segment for other, place in enumerate(places) if other != number]
        if not _errors(which, left):
            silent.append(str(places[number]))
    assert silent == []


@pytest.mark.parametrize(("which", "patient"), SAMPLES)
def test_each_required_loop_is_missed(which: str, patient: str) -> None:
    places = _sample(which, patient)
    loops = {id(loop): loop for place in places for loop in place.loops[1:] if loop.get("usage") == "R"}
    assert loops
    for loop in loops.values():
        left = [place.segment for place in places if all(each is not loop for each in place.loops)]
        assert "3" in {code for _, code, _ in _errors(which, left)}, loop.get("name")


@pytest.mark.parametrize("which", WHICH)
def test_one_more_than_the_maximum_is_found(which: str) -> None:
    places = _sample(which, "dependent")
    seen = set()
    for number, place in enumerate(places):
        most = place.node.get("max_use", "")
        if place.segment.tag in ("ST", "SE", "HL", "NM1") or (place.segment.tag, most) in seen:
            continue
        seen.add((place.segment.tag, most))
        many = _segments(places)
        many[number:number] = [place.segment] * int(most)
        assert {code for _, code, _ in _errors(which, many)} == {"5"}, str(place)
        del many[number]
        assert _errors(which, many) == [], str(place)


@pytest.mark.parametrize("which", WHICH)
def test_one_loop_more_than_the_maximum_is_found(which: str) -> None:
    places = _sample(which, "dependent")
    for loop in {id(place.loops[-1]): place.loops[-1] for place in places[2:-1]}.values():
        most, inside = loop.get("repeat", ""), [place.segment for place in places if loop in place.loops]
        if most == ">1":
            continue
        end = max(number for number, place in enumerate(places) if loop in place.loops) + 1
        many = _segments(places)
        many[end:end] = inside * int(most)
        assert "4" in {code for _, code, _ in _errors(which, many)}, loop.get("xid")


def _each_element(which: str) -> Iterator[tuple[Place, ET.Element, int, int]]:
    for place in itertools.chain(_sample(which, "subscriber"), _sample(which, "dependent")):
        for element in place.node:
            if element.tag == "syntax":
                continue
            number = int(element.get("seq", 0))
            yield place, element, number, 0
            yield from ((place, part, number, int(part.get("seq", 0))) for part in element.findall("element"))


def _node(which: str, place: Place) -> Any:
    """pyx12's node for a place: by the path of loops, then by the match of the whole sample segment."""
    path = "/ISA_LOOP/GS_LOOP/" + "/".join(loop.get("xid", "") for loop in place.loops)
    return _map(which).getnodebypath(path).get_child_seg_node(_plain(place.segment))


def _found(which: str, place: Place, one: Segment) -> set[tuple[str, str]]:
    return {(error.err_cde, str(error.refdes)) for error in _node(which, place).is_valid_errors(_plain(one))[1]}


@pytest.mark.parametrize("which", WHICH)
def test_what_is_not_used_is_found_wherever_it_is_sent(which: str) -> None:
    unused = 0
    for place, element, number, component in _each_element(which):
        if element.get("usage") == "N":
            unused += 1
            found = _found(which, place, _changed(place.segment, number, component, "1"))
            assert {("10", element.get("xid")), ("5", element.get("xid"))} & found, element.get("xid")
    assert unused > 400


@pytest.mark.parametrize("which", WHICH)
def test_each_required_element_is_missed(which: str) -> None:
    for place, element, number, component in _each_element(which):
        if element.get("usage") == "R" and element.tag == "element":
            found = _found(which, place, _changed(place.segment, number, component, ""))
            whole = next(each for each in place.node if each.get("seq") == f"{number:02}" and each.tag != "syntax")
            if component == 1 and whole.get("usage") == "S":
                continue  # An optional composite may be sent without its first component: pyx12 lets that pass.
            assert ("1", element.get("xid")) in found, element.get("xid")


@pytest.mark.parametrize("which", WHICH)
def test_a_wrong_code_is_found_at_its_element_or_its_segment(which: str) -> None:
    """NM1, REF, DTP, CRC and HL are found by their code, so a wrong one is a segment that has no place."""
    coded = 0
    for place, element, number, component in _each_element(which):
        if element.tag == "composite" or element.get("usage") == "N" or not _codes(element):
            continue
        coded += 1
        wrong = "?" * len(_codes(element)[0])
        changed = _changed(place.segment, number, component, wrong)
        key = number == (3 if place.segment.tag == "HL" else 1)
        if key and place.segment.tag in ("NM1", "REF", "DTP", "CRC", "HL"):
            siblings = _map(which).getnodebypath(
                "/ISA_LOOP/GS_LOOP/" + "/".join(loop.get("xid", "") for loop in place.loops)
            )
            assert siblings.get_child_seg_node(_plain(changed)) is None, str(place)
        else:
            assert ("7", element.get("xid")) in _found(which, place, changed), element.get("xid")
    assert coded > 400


@pytest.mark.parametrize(("which", "patient"), SAMPLES)
def test_a_wrong_level_code_is_found(which: str, patient: str) -> None:
    places = _sample(which, patient)
    for number, place in enumerate(places):
        if place.segment.tag == "HL":
            wrong = _segments(places)
            wrong[number] = _changed(place.segment, 3, 0, "19")
            assert (number + 1, "1", "") in _errors(which, wrong), str(place)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), which=st.sampled_from(WHICH))
def test_references_dates_conditions_and_the_events_loops_come_in_any_order(data: st.DataObject, which: str) -> None:
    def group(place: Place) -> str:
        if (place.loops[-1].get("xid") or "") in ("2000E", "2000F") and place.segment.tag in ("REF", "DTP", "CRC"):
            return f"{place.loops[-1].get('xid')} {place.segment.tag}"
        return next((f"{loop.get('xid', '')[:5]}" for loop in place.loops if loop.get("xid", "")[:5] == "2010E"), "")

    shuffled: list[Segment] = []
    for key, places in itertools.groupby(_sample(which, "subscriber"), group):
        if key == "2010E":
            loops = [list(each) for _, each in itertools.groupby(places, lambda place: place.loops[-1].get("xid"))]
            shuffled += [place.segment for loop in data.draw(st.permutations(loops)) for place in loop]
        else:
            some = [place.segment for place in places]
            shuffled += data.draw(st.permutations(some)) if key else some
    assert _errors(which, shuffled) == []


# --- Messages written by hand --------------------------------------------------------------------------------------

REQUEST = """ST*278*0001*005010X217~BHT*0007*13*A1*20260105*1200~HL*1**20*1~NM1*X3*2*EXAMPLE PLAN*****PI*12345~
HL*2*1*21*1~NM1*1P*2*EXAMPLE THERAPY*****XX*1234567893~REF*EI*123456789~PER*IC*DESK*TE*5550100~HL*3*2*22*1~
NM1*IL*1*DOE*JO****MI*M1~DMG*D8*19700101*F~HL*4*3*EV*1~TRN*1*T1*9012345678~UM*HS*I*PT*11:B~DTP*AAH*RD8*20260105-20260331~
HI*ABK:M545*ABF:M6281~HSD*VS*12~PWK*08*EL***AC*P1~NM1*DN*1*ROE*SAM****XX*1234567893~
NM1*SJ*2*EXAMPLE THERAPY*****XX*1234567893~PRV*PE*PXC*225100000X~HL*5*4*SS*0~TRN*1*T2*9012345678~
DTP*472*RD8*20260105-20260331~SV1*HC:97110:GP**UN*24~HL*6*4*SS*0~SV1*HC:97140:GP**UN*12~SE*28*0001~"""

RESPONSE = """ST*278*0001*005010X217~BHT*0007*11*A1*20260106*0900*18~HL*1**20*1~NM1*X3*2*EXAMPLE PLAN*****PI*12345~
HL*2*1*21*1~NM1*1P*2*EXAMPLE THERAPY*****XX*1234567893~HL*3*2*22*1~NM1*IL*1*DOE*JO****MI*M1~HL*4*3*23*1~
NM1*QC*1*DOE*KIM~HL*5*4*EV*1~TRN*2*T1*9012345678~UM*HS*I*PT*11:B~HCR*A2*C1~REF*NT*N1~DTP*007*RD8*20260105-20260331~
HL*6*5*SS*0~TRN*2*T2*9012345678~HCR*A1*C1~SV1*HC:97110:GP**UN*24~HSD*VS*8~HL*7*5*SS*0~
HCR*A3**0F^0V~SV1*HC:97140:GP~MSG*SEE LETTER~SE*26*0001~"""


def _read(text: str) -> list[Segment]:
    found = []
    for one in text.replace("\n", "").strip("~").split("~"):
        tag, *elements = one.split("*")
        parts = (tuple(tuple(each.split(":")) for each in element.split("^")) for element in elements)
        found.append(Segment(tag, tuple(parts)))
    return found


def _replaced(text: str, old: str, new: str) -> list[Segment]:
    assert text.count(old) == 1
    return _read(text.replace(old, new))


@pytest.mark.parametrize(("which", "text"), [("request", REQUEST), ("response", RESPONSE)])
def test_a_therapy_message_passes(which: str, text: str) -> None:
    assert _errors(which, _read(text)) == []
    assert guide.load(f"278.5010.X217.{which}.xml").walk(_read(text), Position()).findings == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("BHT*0007*13", "BHT*0007*11", (2, "7", "BHT02")),
        ("BHT*0007*13", "BHT*0078*13", (2, "7", "BHT01")),
        ("HSD*VS*12", "HSD*VS", (17, "2", "1")),
        ("HSD*VS*12", "HSD*VS*12****2", (17, "2", "6")),
        ("UN*24", "UN*24*11", (25, "10", "SV105")),
        ("UM*HS", "UM*XX", (14, "7", "UM01")),
        ("SV1*HC:97140", "SV1*XX:97140", (27, "7", "SV101-01")),
        ("HI*ABK", "HI*LOI", (16, "7", "HI01-01")),
        ("T1*9012345678", "T1*12345", (13, "4", "TRN03")),
        ("AAH*RD8", "007*RD8", (15, "1", "")),
        ("PRV*PE*PXC", "PRV*PE*ZZ", (21, "7", "PRV02")),
        ("ST*278*0001*005010X217", "ST*278*0001*005010X215", (1, "7", "ST03")),
    ],
)
def test_a_fault_of_a_request_is_found_where_it_is(old: str, new: str, expected: tuple[int, str, str]) -> None:
    assert expected in _errors("request", _replaced(REQUEST, old, new))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("BHT*0007*11", "BHT*0007*13", (2, "7", "BHT02")),
        ("0900*18", "0900", (2, "1", "BHT06")),
        ("HCR*A2", "HCR*D", (14, "7", "HCR01")),
        ("HCR*A1", "HCR*A2", (19, "7", "HCR01")),
        ("HCR*A1*C1", "HCR*A1*C1*0F**X", (19, "3", "05")),
        ("HCR*A2*C1~", "AAA*N**15*C~HCR*A2*C1~", (15, "1", "")),  # AAA stands before UM.
    ],
)
def test_a_fault_of_a_response_is_found_where_it_is(old: str, new: str, expected: tuple[int, str, str]) -> None:
    found = _errors("response", _replaced(RESPONSE, old, new))
    assert expected in found or (expected[1] == "1" and any(code == "1" for _, code, _ in found))


def test_a_rejection_may_end_at_any_level() -> None:
    ends = (
        "ST*278*0001*005010X217~BHT*0007*11*A1*20260106*0900*18~"
        "HL*1**20*0~AAA*Y**42*P~NM1*X3*2*P*****PI*12345~SE*6*0001~"
    )
    assert _errors("response", _read(ends)) == []
    assert (4, "7", "AAA03") in _errors("response", _read(ends.replace("*42*", "*15*")))


@pytest.mark.parametrize(("reasons", "repeated"), [("0F^0V^0U^0P^0W", False), ("0F^0V^0U^0P^0W^0L", True)])
def test_a_decision_has_at_most_five_reasons(reasons: str, repeated: bool) -> None:
    walked = guide.load("278.5010.X217.response.xml").walk(_replaced(RESPONSE, "0F^0V", reasons), Position())
    assert [str(each.where).rpartition(", ")[2] for each in walked.findings] == ["HCR03"] * repeated


def test_the_event_stands_below_the_dependent_or_the_subscriber() -> None:
    paths = []
    for which, text in (("request", REQUEST), ("response", RESPONSE)):
        root = guide.load(f"278.5010.X217.{which}.xml").walk(_read(text), Position()).root
        path: list[str] = []
        while root.loops:
            root = next((each for each in root.loops if each.id.startswith("2000")), root.loops[0])
            path.append(root.id)
        paths.append("/".join(path))
    assert paths == ["2000A/2000B/2000C/2000E/2000F", "2000A/2000B/2000C/2000D/2000E/2000F"]


# --- The corpus ----------------------------------------------------------------------------------------------------


def _index() -> list[tuple[str, str]]:
    """File and label of each 278 005010X217 of the corpus."""
    if not CORPUS.is_dir():
        return []
    rows = [line.split("\t") for line in (CORPUS / "INDEX.tsv").read_text("utf-8").splitlines()]
    return [(row[0], row[2]) for row in rows if row[1].startswith("278") and "005010X217" in row[1]]


def _examined(name: str) -> list[Examined]:
    return [part for part in examine([(CORPUS / name).read_bytes()]) if isinstance(part, Examined)]


@needs_corpus
@pytest.mark.parametrize("name", [name for name, label in _index() if label == "valid"])
def test_official_examples_pass(name: str) -> None:
    (examined,) = _examined(name)
    assert examined.guide == ("278.5010.X217.response.xml" if "response" in name else "278.5010.X217.request.xml")
    assert _errors(examined.guide.split(".")[3], list(examined.set.segments)) == []
    *_, trailer = examined.set.segments
    counted = int(trailer.at(1)) == len(examined.set.segments)
    assert [str(each.where).rpartition(", ")[2] for each in examined.findings] == ([] if counted else ["SE01"])


@needs_corpus
def test_the_corpus_has_official_examples_of_both_and_one_with_a_wrong_count() -> None:
    valid = [name for name, label in _index() if label == "valid"]
    assert len(valid) >= 6
    assert [name for name in valid if _examined(name)[0].findings] == ["stupidedi/admission-request-for-review.edi"]


@needs_corpus
@pytest.mark.parametrize("name", [name for name, label in _index() if label == "invalid"])
def test_invalid_examples_are_found_out(name: str) -> None:
    (examined,) = _examined(name)
    assert examined.guide
    assert any(each.source == examined.guide for each in examined.findings)


# --- The facts, walked beside the XML ------------------------------------------------------------------------------

SYNTAX = {"Paired": "P", "Required": "R", "Exclusion": "E", "Conditional": "C"}
COMPOSITES = {"C003": 2, "C056": 5}  # What a rule of SV2 and of DMG calls by the composite's number.


def _fact_loops(nodes: list[Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for each in nodes:
        if each["kind"] == "loop":
            yield f"{path}/{each['id']}", each
            yield from _fact_loops(each["children"], f"{path}/{each['id']}")


def _made_loops(loop: ET.Element, path: str = "") -> Iterator[tuple[str, ET.Element]]:
    for each in loop.findall("loop"):
        yield f"{path}/{each.get('xid')}", each
        yield from _made_loops(each, f"{path}/{each.get('xid')}")


def _fact_element(fact: Any) -> dict[str, Any]:
    inner = [_fact_element(each) for each in fact.get("components", [])]
    return {
        "usage": fact["usage"],
        "codes": sorted(fact.get("codes", [])),
        "number": fact.get("de", "composite"),
        "inner": inner,
        "repeat": fact.get("repeat", "1"),
    }


def _made_element(made: ET.Element) -> dict[str, Any]:
    composite = made.tag == "composite"
    return {
        "usage": made.get("usage"),
        "codes": [] if composite else sorted(_codes(made)),
        "number": "composite" if composite else made.get("data_ele"),
        "inner": [_made_element(each) for each in made.findall("element")],
        "repeat": made.get("repeat" if composite else "max_use", "1"),
    }


def _fact_segment(fact: Any) -> dict[str, Any]:
    rules = set()
    for kind, places in fact["syntax"]:
        ordinals = [COMPOSITES.get(each) or int(each[-2:]) for each in places]
        if (
            kind == "Conditional"
        ):  # The source lists them upwards; the standard's rule is "the later needs the earlier".
            ordinals.reverse()
        rules.add(SYNTAX[kind] + "".join(f"{each:02}" for each in ordinals))
    elements = [_fact_element(each) for each in fact["elements"]]
    return {"tag": fact["id"], "usage": fact["usage"], "max": fact["max"], "rules": rules, "elements": elements}


def _made_segment(made: ET.Element) -> dict[str, Any]:
    elements = [_made_element(each) for each in made if each.tag != "syntax"]
    rules = {each.text for each in made.findall("syntax")}
    return {
        "tag": made.get("xid"),
        "usage": made.get("usage"),
        "max": made.get("max_use"),
        "rules": rules,
        "elements": elements,
    }


def _assert_same_segments(facts: list[Any], made: list[ET.Element], path: str) -> None:
    left = [_fact_segment(each) for each in facts]
    right = [_made_segment(each) for each in sorted(made, key=lambda each: int(each.get("pos", 0)))]
    assert [each["tag"] for each in right] == [each["tag"] for each in left], path
    for fact, ours in zip(left, right, strict=True):
        # The source leaves a rule out where its elements are not used; the guide has a segment's rules in every place.
        assert fact.pop("rules") <= ours.pop("rules"), (path, fact["tag"])
        assert ours == fact, (path, fact["tag"])


@needs_facts
@pytest.mark.parametrize(("which", "key"), [("request", "A1_request"), ("response", "A3_response")])
def test_the_guide_says_what_the_facts_say(which: str, key: str) -> None:
    facts = json.loads(FACTS.read_text("utf-8"))[key]
    top = next(each for each in _xml(which).iter("loop") if each.get("xid") == "ST_LOOP")
    header = [each for each in top.findall("segment") if each.get("xid") not in ("ST", "SE")]
    _assert_same_segments([each for each in facts if each["kind"] == "segment"], header, "")
    expected, made = dict(_fact_loops(facts)), dict(_made_loops(top))
    assert made.keys() == expected.keys()
    for path, loop in made.items():
        fact = expected[path]
        assert (loop.get("usage"), loop.get("repeat")) == (fact["usage"], fact["repeat"]), path
        segments = [each for each in fact["children"] if each["kind"] == "segment"]
        _assert_same_segments(segments, loop.findall("segment"), path)


@needs_facts
def test_each_rule_between_elements_comes_from_the_facts() -> None:
    facts, made = set(), set()
    for which, key in (("request", "A1_request"), ("response", "A3_response")):
        for _, loop in _fact_loops(json.loads(FACTS.read_text("utf-8"))[key]):
            for each in loop["children"]:
                facts |= {(each["id"], rule) for rule in _fact_segment(each)["rules"]} if "elements" in each else set()
        for each in _xml(which).iter("segment"):
            made |= {(each.get("xid"), rule.text) for rule in each.findall("syntax")}
    assert made == facts


@needs_facts
def test_lengths_and_types_of_the_facts_are_those_of_pyx12() -> None:
    numbers = _map("request").data_elements
    seen = set()

    def check(fact: Any) -> None:
        if "de" in fact:
            kind = numbers.get_by_elem_num(fact["de"])
            expected = (fact["type"], int(fact["min"]), int(fact["max"]))
            assert (kind["data_type"], kind["min_len"], kind["max_len"]) == expected, fact
            seen.add(fact["de"])
        for each in fact.get("components", []):
            check(each)

    for whole in json.loads(FACTS.read_text("utf-8")).values():
        for _, loop in _fact_loops(whole):
            for one in loop["children"]:
                for each in one.get("elements", []):
                    check(each)
    assert len(seen) > 100


@needs_facts
def test_names_are_our_own() -> None:
    theirs = set()

    def gather(fact: Any) -> None:
        theirs.add(fact["name"].lower())
        for key in ("children", "elements", "components"):
            for each in fact.get(key, []):
                gather(each)

    for whole in json.loads(FACTS.read_text("utf-8")).values():
        for each in whole:
            gather(each)
    ours = {each.get("name", "").lower() for which in WHICH for each in _xml(which).iter()}
    assert [each for each in ours & theirs if len(each.split()) > 3] == []


# --- The maker -----------------------------------------------------------------------------------------------------


@pytest.fixture
def maker() -> Any:
    found = importlib.util.spec_from_file_location("make_278", ROOT / "edi_maps" / "guides" / "make_278.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_guides_are_what_the_maker_writes(maker: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert maker.main(["--check"]) == 0, capsys.readouterr().out


def test_the_maker_tells_an_edited_guide_and_mends_it(
    maker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: Callable[[], dict[str, bytes]] = lambda: {each.name: each.read_bytes() for each in tmp_path.glob("*.xml")}  # noqa: E731
    monkeypatch.setattr(maker, "HERE", tmp_path)
    assert maker.main(["--check"]) == 1
    assert maker.main([]) == 0
    assert maker.main(["--check"]) == 0
    first = deepcopy(written())
    path = tmp_path / "278.5010.X217.request.xml"
    path.write_bytes(path.read_bytes().replace(b'repeat="14"', b'repeat="15"'))
    assert maker.main(["--check"]) == 1
    assert maker.main([]) == 0
    assert written() == first
    assert maker.main(["--what"]) == 2
