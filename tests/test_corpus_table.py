"""The corpus's labels against our verdicts: what is valid is accepted, what is invalid has a finding where it is wrong.

Every exception stands with one line of reason in ``fixtures/corpus_verdicts.toml``, and none stands there for nothing.
"""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import corpus_table
import pytest
from corpus_table import CORPUS, Row, index, verdicts

INDEX = {entry["path"]: entry for entry in index()}
pytestmark = pytest.mark.skipif(not INDEX, reason=f"there is no corpus in {CORPUS}")

# What the index says of a file's envelope, and the findings of which one says it, too.
ENVELOPE = {
    r"no ISA/GS envelope": {"x12.document.unreadable"},
    r"ISA length \d+ != 106": {"x12.codec.isa_length ISA", "x12.document.unreadable"},
    r"SE01=\d+ actual \d+": {"x12.set.count SE01", "x12.document.unreadable"},
    r"ISA/IEA count differs": {
        "x12.interchange.trailer_missing",
        "x12.codec.unterminated IEA",
        "x12.document.unreadable",
    },
    r"GS/GE count differs": {"x12.group.trailer_missing"},
    # One number may be written in two lengths; then the length is wrong, in ISA13.
    r"IEA02!=ISA13": {"x12.interchange.control_numbers IEA02", "x12.interchange.control_number ISA13"},
    r"GE02!=GS06": {"x12.group.control_numbers GE02"},
    r"SE02!=ST02": {"x12.set.control_numbers SE02"},
    r"GS01=\w+ for \d+": {"x12.group.functional_id GS01"},
    r"ST03 \w+ != GS08": {"x12.set.version ST03"},
}


@cache
def _row(path: str) -> Row:
    return corpus_table.row(INDEX[path])


def _labelled(*labels: str) -> list[str]:
    return [path for path, entry in INDEX.items() if entry["validity"] in labels]


def _said_of_envelope(path: str) -> list[set[str]]:
    return [findings for words, findings in ENVELOPE.items() if re.search(words, INDEX[path]["note"])]


@pytest.mark.parametrize("path", _labelled("valid", "unknown"))
def test_what_is_not_labelled_invalid_is_accepted_or_explained(path: str) -> None:
    row, exception = _row(path), verdicts()["exceptions"].get(path)
    assert list(dict.fromkeys(row.blocking)) == (exception["blocking"] if exception else [])
    assert (row.verdict == "refused") == bool(exception)
    assert row.why if row.verdict in ("refused", "no guide") else not row.why


@pytest.mark.parametrize("path", _labelled("invalid"))
def test_what_is_labelled_invalid_has_a_finding_at_the_right_place_or_is_explained(path: str) -> None:
    row, exception = _row(path), verdicts()["exceptions"].get(path)
    places = verdicts()["places"].get(path, [])
    assert [each for each in places if each not in row.findings] == []
    if exception:
        assert not places
        assert "blocking" not in exception
        assert not row.blocking, "the exception is none any more; write the place instead"
    else:
        assert places or _said_of_envelope(path)
        assert row.verdict != "accepted"


@pytest.mark.parametrize("path", [path for path in INDEX if _said_of_envelope(path)])
def test_what_the_index_says_of_an_envelope_is_found(path: str) -> None:
    found = set(_row(path).findings)
    assert [each for each in _said_of_envelope(path) if not each & found] == []


def test_nothing_is_explained_that_needs_no_explanation() -> None:
    known = verdicts()
    assert set(known) == {"no_guide", "exceptions", "places"}
    assert {*known["exceptions"], *known["places"]} <= set(INDEX)
    assert set(known["places"]) <= set(_labelled("invalid"))
    rows = [_row(path) for path in INDEX]
    unjudged = {row.transaction for row in rows if any(each.startswith("x12.set.unsupported") for each in row.findings)}
    assert set(known["no_guide"]) == unjudged
    lines = [*known["no_guide"].values(), *(each["why"] for each in known["exceptions"].values())]
    assert all(line and "\n" not in line and len(line) <= 120 for line in lines)


def test_the_command_prints_a_line_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert corpus_table.main() == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == list(INDEX)
    assert {len(line) for line in lines} == {6}
    assert Counter((line[2], line[3]) for line in lines) == Counter(
        (row.label, row.verdict) for row in map(_row, INDEX)
    )
    assert corpus_table.main(str(tmp_path)) == 2
    assert "There is no corpus" in capsys.readouterr().err
