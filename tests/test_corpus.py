"""Every file of the corpus that nobody here wrote: none breaks ``explain``, and the verdicts are those of its index."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import Finding, Position, Severity
from gateway.x12.explain import Line, explain
from gateway.x12.validate import Examined, examine

CORPUS = Path(os.environ.get("GATEWAY_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")
pytestmark = pytest.mark.skipif(not (CORPUS / "INDEX.tsv").is_file(), reason=f"there is no corpus in {CORPUS}")

SET_COUNT = "x12.set.count"
LONGEST = "x12-parser/x12_many_claims.txt"  # A megabyte for nothing that the short ones lack; one test reads its head.


def _index() -> dict[str, dict[str, str]]:
    if not (CORPUS / "INDEX.tsv").is_file():
        return {}
    with (CORPUS / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["path"]: row for row in rows}


INDEX = _index()
SHORT = sorted(set(INDEX) - {LONGEST})
OFFICIAL = [path for path in SHORT if "x12.org TR3 example" in INDEX[path]["note"]]


def _chunks(path: str, size: int = 4096) -> Iterator[bytes]:
    with (CORPUS / path).open("rb") as file:
        while chunk := file.read(size):
            yield chunk


def _explained(path: str) -> list[Line]:
    return list(explain(_chunks(path)))


def _findings(path: str) -> list[Finding]:
    return [each for line in _explained(path) for each in line.findings]


def _short(finding: Finding) -> str:
    """The rule and the place, as ``x12.element.missing 2000/2100/2110 SVC01-02``."""
    assert isinstance(finding.where, Position)
    return " ".join(filter(None, (finding.rule, finding.where.loop, finding.where.reference)))


@pytest.mark.parametrize("path", SHORT)
def test_every_file_is_explained_or_gets_one_clear_error(path: str) -> None:
    lines = _explained(path)
    unreadable = [each for line in lines for each in line.findings if each.rule == "x12.document.unreadable"]
    if "no ISA/GS envelope" in INDEX[path]["note"]:
        assert [line.findings for line in lines] == [tuple(unreadable)]
        assert re.search(r"at byte \d+", unreadable[0].what)
        assert unreadable[0].fix
    else:
        assert not unreadable
        assert next(line.tag for line in lines if line.tag) == "ISA"


@pytest.mark.parametrize("path", [path for path in SHORT if "ISA/" not in INDEX[path]["note"]])
def test_wrong_segment_counts_are_those_of_the_index(path: str) -> None:
    told = [int(actual) for actual in re.findall(r"SE01=\d+ actual (\d+)", INDEX[path]["note"])]
    found = [each for each in _findings(path) if each.rule == SET_COUNT]
    assert [int(re.search(r"there are (\d+)", each.what)[1]) for each in found] == told  # type: ignore[index]


@pytest.mark.parametrize("path", [path for path in SHORT if "pyx12 4.0.0: ok" in INDEX[path]["note"]])
def test_what_pyx12_accepts_is_accepted(path: str) -> None:
    blocking = [_short(each) for each in _findings(path) if each.severity is Severity.BLOCK]
    assert blocking == []


# Where the guides still differ from the official examples; everything else of them must pass.
OFFICIAL_FINDINGS = {
    "stupidedi/1.era": ["x12.interchange.control_numbers IEA02"],
    "stupidedi/admission-request-for-review.edi": ["x12.set.count SE01"],
}


@pytest.mark.parametrize("path", OFFICIAL)
def test_official_examples_pass(path: str) -> None:
    blocking = [_short(each) for each in _findings(path) if each.severity is Severity.BLOCK]
    assert blocking == OFFICIAL_FINDINGS.get(path, [])


@pytest.mark.parametrize(
    ("path", "starts"),
    [
        ("stupidedi/chiropractic.edi", {"2000A": "HL", "2300": "CLM", "2400": "LX"}),
        ("stupidedi/COB-claim-from-billing-provider-to-payer-b.edi", {"2300": "CLM", "2400": "LX", "2430": "SVD"}),
        ("stupidedi/multiple-claims-single-check.edi", {"2000": "LX", "2100": "CLP", "2110": "SVC"}),
        ("stupidedi/response-to-functional-group-containing-3-837s.edi", {"2000": "AK2", "2100": "IK3", "2110": "IK4"}),
        ("stupidedi/admission-response-to-request-for-review.edi", {"2000E": "UM"}),
    ],
)
def test_loops_are_as_many_as_their_first_segments_in_the_text(path: str, starts: dict[str, str]) -> None:
    text = (CORPUS / path).read_text(encoding="utf-8-sig")
    roots = [part.root for part in examine(_chunks(path)) if isinstance(part, Examined)]
    found = Counter(loop.id for root in roots if root for loop in root.walk())
    wanted = {loop: len(re.findall(rf"~\s*{tag}\*", text)) for loop, tag in starts.items()}
    if "2000A" in starts:
        wanted["2000A"] = len(re.findall(r"~\s*HL\*\d+\*\*20\*", text))
    if "2000E" in starts:
        wanted["2000E"] = len(re.findall(r"~\s*HL\*\d+\*\d+\*EV\*", text))
    assert {loop: found[loop] for loop in starts} == wanted


CHUNKED = ["stupidedi/chiropractic.edi", "staedi/sample837-HL-nested.edi", "OBOE/justTA1TestCase.edi"]


@pytest.mark.parametrize("path", CHUNKED)
def test_the_chunk_size_changes_nothing(path: str) -> None:
    whole = list(explain(_chunks(path, 1 << 20)))
    assert list(explain(_chunks(path, 1))) == whole
    assert list(explain(_chunks(path, 7))) == whole


def test_a_long_file_is_explained_while_it_is_read() -> None:
    def head() -> Iterator[bytes]:
        yield (CORPUS / LONGEST).read_bytes()[:400]
        raise AssertionError("nobody needs the rest yet")

    lines = explain(head())
    assert [next(lines).tag for _ in range(2)] == ["ISA", "GS"]
