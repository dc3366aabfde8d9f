"""Corrections of guides: what they do to a tree, what is a mistake in them, and that those that ship are all of use."""

import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Position, SettingsInvalid
from gateway.resources import folder
from gateway.x12 import guide, overlay, registry, source
from gateway.x12.nodes import UNLIMITED, CompositeNode, ElementNode, LoopNode, SegmentNode
from gateway.x12.tree import Segment

GUIDES = folder("edi_maps") / "guides"
OTHERS = {"registry", "278_x217"}  # the registry, and what make_278.py makes our own guides from
SHIPPED = sorted(path for path in GUIDES.glob("*.toml") if path.stem not in OTHERS)
CLAIM, STATUS, ANSWER = "837.5010.X222.A1.xml", "277.5010.X212.xml", "277.5010.X214.xml"


def _element(ordinal: int, *codes: str, usage: str = "S") -> ElementNode:
    return ElementNode(f"element {ordinal}", ordinal, usage, "128", "ID", 1, 3, codes)


def _root() -> LoopNode:
    """A set with two kinds of REF and two levels side by side."""
    trace = CompositeNode("trace", 2, "S", "C040", 1, [_element(1, "A", "B"), _element(2)])
    first = SegmentNode("REF", "first kind", "S", 1, 1, [_element(1, "1A"), trace], key=((1, 0),))
    second = SegmentNode("REF", "second kind", "S", 1, 1, [_element(1, "2A", "XX"), _element(2, "XX")], key=((1, 0),))
    level = SegmentNode("HL", "level", "R", 1, 1, [_element(3, "19"), _element(4, "1")])
    outer = LoopNode("2000A", "outer", "R", 2, UNLIMITED, [level, first, second])
    inner = LoopNode("2000B", "inner", "R", 3, UNLIMITED, [deepcopy(level)])
    header = SegmentNode("ST", "header", "R", 1, 1, [_element(1, "837"), _element(3)])
    return LoopNode("ST_LOOP", "set", "R", 0, 1, [header, outer, inner])


def _applied(**correction: Any) -> tuple[LoopNode, list[str]]:
    root = _root()
    entry = {"why": "it is so", "source": "who says so"} | correction
    return root, [each.reason for each in overlay.apply(root, {"corrections": [entry]}, "a.toml")]


def _segment(root: LoopNode, loop: str, tag: str, place: int = 0) -> SegmentNode:
    around = root.loop_at(loop)
    assert around is not None
    return [each for each in around.children if isinstance(each, SegmentNode) and each.tag == tag][place]


def _at(root: LoopNode, loop: str, tag: str, element: int, component: int = 0, place: int = 0) -> ElementNode:
    found = _segment(root, loop, tag, place).element_at(element, component)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ({"usage": "R"}, "usage", "R"),
        ({"codes": ["C", "A"]}, "codes", ("A", "C")),
        ({"allow": ["0"]}, "codes", ("0", "A", "B")),
        ({"forbid": ["A"]}, "codes", ("B",)),
        ({"external": "states"}, "external", "states"),
        ({"pattern": "^[0-9]+$"}, "pattern", "^[0-9]+$"),
        ({"type": "AN"}, "type", "AN"),
        ({"shortest": 2}, "shortest", 2),
        ({"longest": 9}, "longest", 9),
        ({"repeat": 5}, "repeat", 5),
        ({"repeat": ">1"}, "repeat", UNLIMITED),
    ],
)
def test_a_component_is_corrected(change: dict[str, Any], name: str, value: object) -> None:
    root, mistakes = _applied(at="2000A REF02-01", kind="1A", **change)
    assert mistakes == []
    assert getattr(_at(root, "2000A", "REF", 2, 1), name) == value
    setattr(_at(root, "2000A", "REF", 2, 1), name, getattr(_at(_root(), "2000A", "REF", 2, 1), name))
    assert root == _root(), "nothing else was touched"


def test_a_loop_a_segment_and_a_composite_are_corrected() -> None:
    root, mistakes = _applied(at="2000B", usage="S", repeat=1)
    loop = root.loop_at("2000B")
    assert (mistakes, loop and (loop.usage, loop.repeat)) == ([], ("S", 1))
    root, mistakes = _applied(at="2000A REF", kind="2A", usage="R", repeat=3)
    changed = _segment(root, "2000A", "REF", 1)
    assert (mistakes, changed.usage, changed.repeat) == ([], "R", 3)
    assert _segment(root, "2000A", "REF") == _segment(_root(), "2000A", "REF")
    root, mistakes = _applied(at="2000A REF02", kind="1A", usage="N")
    assert (mistakes, _segment(root, "2000A", "REF").elements[1].usage) == ([], "N")


def test_a_correction_may_name_several_places_and_every_kind() -> None:
    root, mistakes = _applied(at=["2000A HL04", "2000B HL04"], allow=["0"])
    assert mistakes == []
    assert [_at(root, loop, "HL", 4).codes for loop in ("2000A", "2000B")] == [("0", "1")] * 2
    root, mistakes = _applied(at="2000A REF", kind="*", usage="R")
    assert (mistakes, [_segment(root, "2000A", "REF", each).usage for each in (0, 1)]) == ([], ["R", "R"])


def test_a_segment_right_below_the_set_has_no_loop_before_it() -> None:
    root, mistakes = _applied(at="ST03", codes=["005010X222"])
    assert (mistakes, _at(root, "", "ST", 3).codes) == ([], ("005010X222",))


def test_other_elements_tell_a_segment_from_its_namesakes() -> None:
    root, mistakes = _applied(at="2000A REF", kind="1A", key=["REF02-01"])
    assert (mistakes, _segment(root, "2000A", "REF").key) == ([], ((2, 1),))


def test_a_loop_moves_into_another() -> None:
    root, mistakes = _applied(at="2000B", into="2000A")
    assert mistakes == []
    assert [each.id for each in root.children if isinstance(each, LoopNode)] == ["2000A"]
    moved = root.loop_at("2000A/2000B")
    assert moved is not None
    assert moved.position == 2
    assert moved.children == _root().loop_at("2000B").children  # type: ignore[union-attr]


def test_a_loop_moves_behind_what_stands_beside_it() -> None:
    root = _root()
    root.children.reverse()
    for place, child in enumerate(root.children):
        child.position = place
    move = {"at": "2000B", "into": "2000A", "why": "w", "source": "s"}
    back = move | {"at": "2000A/2000B", "into": "2000A"}
    assert overlay.apply(root, {"corrections": [move]}) == ()
    assert "the loop stands there already" in overlay.apply(root, {"corrections": [back]})[0].reason
    outer = root.loop_at("2000A")
    assert outer is not None
    outer.children.reverse()
    outer.children[0].position = 1
    assert overlay.apply(root, {"corrections": [back]}) == ()
    assert [each.position for each in outer.children] == [1, 1, 1, 2]
    assert outer.children[-1] is root.loop_at("2000A/2000B")


def test_a_segment_is_added_behind_the_others() -> None:
    count = {"name": "count", "usage": "R", "data_element": "96", "type": "N0", "shortest": 1, "longest": 10}
    root, mistakes = _applied(at="SE", add={"name": "trailer", "usage": "R", "elements": [count]})
    added = root.children[-1]
    assert mistakes == []
    assert added == SegmentNode("SE", "trailer", "R", 4, 1, [ElementNode("count", 1, "R", "96", "N0", 1, 10)])


ADDED = {"name": "x", "usage": "R", "elements": [{"name": "x"}]}


@pytest.mark.parametrize(
    ("correction", "expected"),
    [
        ({"at": "2000C", "usage": "S"}, "no loop 2000C"),
        ({"at": "2000A/2000B HL04", "usage": "S"}, "no loop 2000A/2000B"),
        ({"at": "2000A DTP", "usage": "S"}, "no segment DTP"),
        ({"at": "2000A HL05", "usage": "S"}, "no 2000A HL05"),
        ({"at": "2000A HL04-01", "usage": "S"}, "no 2000A HL04-01"),
        ({"at": "2000A REF02-03", "kind": "1A", "usage": "R"}, "no 2000A REF02-03"),
        ({"at": "2000A hl", "usage": "S"}, "names no segment"),
        ({"at": "2000A REF", "usage": "R"}, "0 of the 2 REF there have that kind"),
        ({"at": "2000A REF", "kind": "ZZ", "usage": "R"}, "0 of the 2 REF"),
        ({"at": "2000A HL", "kind": "19", "usage": "S"}, "kind says nothing"),
        ({"at": "2000A", "kind": "19", "usage": "S"}, "a loop has no kind"),
        ({"at": "2000A HL", "kind": 19, "usage": "S"}, "kind is not a code"),
        ({"at": "2000A", "usage": "R"}, "usage changes nothing"),
        ({"at": ["2000A HL04", "2000A REF02-01"], "kind": "1A", "allow": ["B"]}, "kind says nothing"),
        ({"at": "2000A HL04", "allow": ["1"]}, "1 may be sent already"),
        ({"at": "ST03", "allow": ["005010X222"]}, "any may be sent"),
        ({"at": "2000A HL04", "forbid": ["0"]}, "0 may not be sent anyway"),
        ({"at": "2000A HL04", "forbid": ["1"]}, "no code would be left"),
        ({"at": "2000A HL04", "codes": ["1"]}, "codes changes nothing"),
        ({"at": "2000A HL04", "codes": ["1", "1"]}, "names a code twice"),
        ({"at": "2000A HL04", "codes": "1"}, "not a list of codes"),
        ({"at": "2000A HL", "codes": ["1"]}, "for simple elements"),
        ({"at": "2000A REF02", "kind": "1A", "longest": 9}, "for simple elements"),
        ({"at": "2000A HL04", "usage": "X"}, "none of R, S and N"),
        ({"at": "2000A", "repeat": 0}, "neither a number"),
        ({"at": "2000A", "repeat": True}, "neither a number"),
        ({"at": "2000A HL04", "shortest": 9}, "above the longest"),
        ({"at": "2000A HL04", "longest": "9"}, "not a number of characters"),
        ({"at": "2000A HL04", "pattern": "("}, "pattern cannot be that"),
        ({"at": "2000A HL04", "type": "XX"}, "type cannot be that"),
        ({"at": "2000A HL", "key": ["HL"]}, "key names an element of HL"),
        ({"at": "2000A HL", "key": ["REF01"]}, "key names an element of HL"),
        ({"at": "2000A REF", "kind": "1A", "key": ["REF02"]}, "no codes to tell by"),
        ({"at": "2000A", "key": ["HL03"]}, "key is for segments"),
        ({"at": "2000A HL", "into": "2000B"}, "into is for loops"),
        ({"at": "2000A", "into": "2000A"}, "outside of this one"),
        ({"at": "2000A", "into": "2000C"}, "no loop 2000C"),
        ({"at": "2000A HL", "add": ADDED}, "there"),
        ({"at": "2000A SE", "add": ADDED, "usage": "R"}, "add stands alone"),
        ({"at": "2000A SE", "add": {}}, "name, usage and elements"),
        ({"at": "2000A SE", "add": ADDED}, "element 1 gives"),
        ({"at": "2000C SE", "add": ADDED}, "not a segment of a loop"),
        ({"at": "2000A"}, "says nothing that is so instead"),
        ({"at": "2000A", "usages": "S"}, "usages is not known here"),
        ({"at": [], "usage": "S"}, "nor a list of places"),
        ({"usage": "S"}, "nor a list of places"),
        ({"at": "2000A", "usage": "S", "why": " "}, "why is missing"),
        ({"at": "2000A", "usage": "S", "source": ""}, "source is missing"),
    ],
)
def test_a_mistake_is_named(correction: dict[str, Any], expected: str) -> None:
    _, mistakes = _applied(**correction)
    assert len(mistakes) == 1
    assert expected in mistakes[0]
    assert mistakes[0].startswith("a.toml: correction 1")


def test_every_mistake_is_told_at_once_and_stops_the_loading(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    said = 'why = "w"\nsource = "s"\n'
    file.write_text(
        f'other = 1\n[[corrections]]\nat = "2000C"\nusage = "S"\n{said}[[corrections]]\nat = "2000A"\n{said}'
    )
    with pytest.raises(SettingsInvalid, match="3 mistakes") as raised:
        overlay.correct(_root(), file)
    assert [each.where for each in raised.value.findings] == [
        "a.toml: other",
        "a.toml: correction 1 (2000C)",
        "a.toml: correction 2 (2000A)",
    ]
    for text, words in (("corrections = 1\n", "there are none"), ("x", "no TOML")):
        file.write_text(text)
        with pytest.raises(SettingsInvalid, match=words):
            overlay.correct(_root(), file)


# --- What ships ------------------------------------------------------------------------------------------------------


def _corrected(name: str) -> LoopNode:
    root = source.read(name)
    overlay.correct(root, GUIDES / f"{name.removesuffix('.xml')}.toml")
    return root


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_ships_fits_the_guide_that_it_corrects(path: Path) -> None:
    assert f"{path.stem}.xml" in registry.names()
    once = _corrected(f"{path.stem}.xml")
    again = overlay.apply(once, tomllib.loads(path.read_text("utf-8")), path.name)
    assert len(again) == len(tomllib.loads(path.read_text("utf-8"))["corrections"]), "none changes anything twice"


def test_a_line_has_two_kinds_of_pwk() -> None:
    for loop in ("2000A/2000B/2300/2400", "2000A/2000B/2000C/2300/2400"):
        kinds = [_segment(_corrected(CLAIM), loop, "PWK", each) for each in (0, 1)]
        assert [each.key for each in kinds] == [((2, 0),)] * 2
        codes = [set(each.element_at(2).codes) for each in kinds]  # type: ignore[union-attr]
        assert not codes[0] & codes[1]


def test_claim_status_levels_stand_below_each_other() -> None:
    root = _corrected(STATUS)
    assert root.loop_at("2000A/2000B/2000C/2000D/2000E/2200E/2220E") is not None
    outer = root.loop_at("2000A")
    assert outer is not None
    assert [each.position for each in outer.children] == [1, 2, 3]
    assert [each.id for each in root.children if isinstance(each, LoopNode)] == ["2000A"]
    assert isinstance(root.children[-1], SegmentNode)
    assert root.children[-1].tag == "SE"


def test_an_acknowledgment_may_end_at_any_level() -> None:
    root = _corrected(ANSWER)
    paths = ("2000A/2000B/2000C", "2000A/2000B/2000C/2200C", "2000A/2000B/2000C/2000D")
    assert {each and each.usage for each in map(root.loop_at, paths)} == {"S"}
    assert _at(root, paths[0], "HL", 4).codes == ("0", "1")


CLAIM_SET = """ST*837*0001*005010X222A1~BHT*0019*00*B1*20260105*0810*CH~NM1*41*2*EXAMPLE SERVICE*****46*X67E~
PER*IC*DESK*TE*5555550100~NM1*40*2*EXAMPLE PLAN*****46*12345~HL*1**20*1~NM1*85*2*EXAMPLE THERAPY*****XX*1234567893~
N3*1 MAIN ST~N4*TOWN*TX*787010001~REF*EI*123456789~HL*2*1*22*0~SBR*P*18*******CI~NM1*IL*1*DOE*JO****MI*M1~N3*2 MAIN ST~
N4*TOWN*TX*78701~DMG*D8*19800101*F~NM1*PR*2*EXAMPLE PLAN*****PI*12345~CLM*A1*150***11:B:1*Y*A*Y*Y~REF*4N*3~
HI*ABK:M545~LX*1~SV1*HC:97110*150*UN*1***1~PWK*CT*AD~PWK*CT*EL***AC*A77~PWK*09*FX***AC*A78~DTP*472*D8*20260102~
SE*27*0001~"""

STATUS_SET = """ST*277*0001*005010X212~BHT*0010*08*B1*20260105*0810*DG~HL*1**20*1~
NM1*PR*2*EXAMPLE PLAN*****PI*12345~HL*2*1*21*1~NM1*41*2*EXAMPLE SERVICE*****46*X67E~HL*3*2*19*1~
NM1*1P*2*EXAMPLE THERAPY*****XX*1234567893~HL*4*3*22*1~
NM1*IL*1*DOE*JO****MI*M1~HL*5*4*23~NM1*QC*1*DOE*KIM~TRN*2*T1~STC*F2:88:QC*20260105**150*0~SVC*HC:97110*150*0****1~
STC*F2:88:QC*20260105~DTP*472*D8*20260102~HL*6*4*23~NM1*QC*1*DOE*ANN~TRN*2*T2~STC*P3:317*20260105**90~HL*7*2*19*0~
NM1*1P*2*OTHER THERAPY*****XX*1234567893~TRN*1*0~STC*E0:24:1P*20260105~SE*26*0001~"""

ANSWER_SET = """ST*277*0001*005010X214~BHT*0085*08*B1*20260105*0810*TH~HL*1**20*1~
NM1*PR*2*EXAMPLE PLAN*****PI*12345~TRN*1*R1~DTP*050*D8*20260105~DTP*009*D8*20260105~HL*2*1*21*{below}~
NM1*41*2*EXAMPLE SERVICE*****46*X67E~TRN*2*B1~
STC*A1:19:PR*20260105*WQ*150~{rest}SE*{count}*0001~"""
PROVIDER = "HL*3*2*19*{below}~NM1*85*2*EXAMPLE THERAPY*****XX*1234567893~"
PATIENT = """HL*4*3*PT~NM1*QC*1*DOE*JO****MI*M1~TRN*2*C1~STC*A2:20:PR*20260105*WQ*150~DTP*472*D8*20260102~"""

RESPONSE_SET = """ST*999*0001*005010X231A1~AK1*HC*1*005010X222A1~AK2*837*0001*005010X222A1~IK3*CLM*22*2300*8~
CTX*SITUATIONAL TRIGGER*CLM*22*2300*5:3~CTX*SITUATIONAL TRIGGER*SBR*15*2000*9~CTX*CLM01:A1~IK4*2*782*6~IK5*R*5~
AK9*R*1*1*0~SE*11*0001~"""


def _read(text: str) -> list[Segment]:
    return [Segment.from_text(each) for each in text.replace("\n", "").strip("~").split("~")]


def _found(name: str, text: str) -> list[str]:
    walked = guide.load(name).walk(_read(text), Position())
    return [f"{each.rule} {each.where.reference}" for each in walked.findings if isinstance(each.where, Position)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("PWK*CT*AD~", "", []),
        ("PWK*CT*AD~", "PWK*CT*AD~PWK*CT*NS~", ["x12.segment.repeated PWK"]),
        ("PWK*CT*AD~", "PWK*09*AD~", ["x12.element.code PWK01"]),
        ("PWK*CT*AD~", "PWK*CT*ZZ~", ["x12.segment.unexpected PWK"]),
        ("*CH~", "*31~", []),
        ("*CH~", "*32~", ["x12.element.code BHT06"]),
        ("*005010X222A1~", "*005010X222~", []),
        ("*005010X222A1~", "*005010X223A2~", ["x12.element.code ST03"]),
        ("*005010X222A1~", "~", ["x12.element.missing ST03"]),
        ("REF*4N*3~", "REF*4N*8~", ["x12.element.code REF02"]),
        ("REF*4N*3~", "REF*F5*Y~", []),
        ("REF*4N*3~", "REF*F5*X~", ["x12.element.code REF02"]),
    ],
)
def test_a_claim_is_held_against_the_corrected_guide(old: str, new: str, expected: list[str]) -> None:
    assert _found(CLAIM, CLAIM_SET) == []
    assert CLAIM_SET.count(old) == 1
    assert _found(CLAIM, CLAIM_SET.replace(old, new)) == expected


def test_a_status_response_may_hold_several_dependents_and_providers() -> None:
    assert _found(STATUS, STATUS_SET) == []
    root = guide.load(STATUS).walk(_read(STATUS_SET), Position()).root
    receiver = next(next(root.inner("2000A")).inner("2000B"))
    providers = list(receiver.inner("2000C"))
    assert len(providers) == 2
    assert len(list(next(providers[0].inner("2000D")).inner("2000E"))) == 2
    assert _found(STATUS, STATUS_SET.replace("HL*3*2*19*1", "HL*3*2*19*2")) == ["x12.element.code HL04"]


@pytest.mark.parametrize(
    ("below", "rest"),
    [
        ("0", ""),
        ("1", PROVIDER.format(below="0") + "TRN*1*P1~STC*A3:562:85**U*150~"),
        ("1", PROVIDER.format(below="1") + PATIENT),
        ("1", PROVIDER.format(below="1") + "TRN*1*P1~REF*G2*77~" + PATIENT),
    ],
)
def test_an_acknowledgment_that_ends_early_or_says_little_of_the_provider_is_read(below: str, rest: str) -> None:
    text = ANSWER_SET.format(below=below, rest=rest, count=12 + rest.count("~"))
    assert _found(ANSWER, text) == []
    assert _found(ANSWER, text.replace("DTP*009*D8*20260105~", "")) == ["x12.segment.missing DTP"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", []),
        ("CTX*CLM01:A1~", "CTX*CLM01:A1~CTX*CLM01:A2~", ["x12.segment.repeated CTX"]),
        ("*22*2300*8~", "*22*2300~", ["x12.element.missing IK304"]),
        ("*782*6~", "*782*11~", ["x12.element.code IK403"]),
    ],
)
def test_both_kinds_of_context_are_counted_each_for_itself(old: str, new: str, expected: list[str]) -> None:
    assert _found("999.5010X231.A1.xml", RESPONSE_SET.replace(old, new) if old else RESPONSE_SET) == expected


# --- Which guide -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "file"),
    [
        (("837", "005010X222A1", "00"), CLAIM),
        (("837", "005010X222", ""), CLAIM),
        (("837", "005010X222A2", "18"), CLAIM),
        (("837", "005010X223A2", "00"), None),
        (("837", "005010X291", "00"), None),
        (("835", "005010X221", ""), "835.5010.X221.A1.xml"),
        (("999", "005010X231", ""), "999.5010.xml"),
        (("999", "005010X231A1", ""), "999.5010X231.A1.xml"),
        (("277", "005010X212", "08"), STATUS),
        (("277", "005010X214", "08"), ANSWER),
        (("277", "005010X364", "08"), None),
        (("835", "005010X212", ""), None),
        (("278", "005010X217", "11"), "278.5010.X217.response.xml"),
        (("278", "005010X217", "13"), "278.5010.X217.request.xml"),
        (("278", "005010X217", ""), "278.5010.X217.request.xml"),
    ],
)
def test_the_guide_of_a_set(key: tuple[str, str, str], file: str | None) -> None:
    assert registry.registered(*key) == file


def test_types_that_are_known() -> None:
    assert [registry.knows_type(each) for each in ("837", "278", "270", "997")] == [True, True, False, False]
    assert all(source.files(name)[0].name == name for name in registry.names())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"source": ""}, "guide 1: source is missing"),
        ({"versions": "005010X222"}, "guide 1: versions is missing"),
        ({"version": ["005010X222"]}, "guide 1: version is missing, unknown"),
        ({"versions": ["1", "1"]}, "837 1 has a guide already"),
    ],
)
def test_a_mistake_in_the_registry_is_named(change: dict[str, Any], expected: str) -> None:
    entry = {"file": "a.xml", "set": "837", "versions": ["1"], "why": "w", "source": "s"}
    assert registry.read({"guides": [entry]}) == {("837", "1", ""): "a.xml"}
    with pytest.raises(SettingsInvalid) as raised:
        registry.read({"guides": [entry | change]})
    assert expected in raised.value.findings[0].what
    with pytest.raises(SettingsInvalid, match="there is no guide"):
        registry.read({})
