"""Several processes find in a file what one finds: the same findings, places, order and errors, wherever it is cut."""

import os
import pickle
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import pytest
from x12_files import Form, interchange

from gateway.errors import Finding, GatewayError, MalformedInterchange
from gateway.x12 import codec, parallel
from gateway.x12.cuts import cut
from gateway.x12.headers import SetHeader
from gateway.x12.parallel import Passed, check, check_chunks, workers
from gateway.x12.validate import Checking, Growing

SMALL = 700  # bytes of a piece: nearly every set is one
LEVELS = [Checking, Growing]


class Here(Executor):
    """Does at once and here what a worker would do, and sends it there and back as a worker's is sent."""

    def __init__(self) -> None:
        self.pieces = 0
        self.fitting = 0

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> "Future[Any]":
        sent, arguments = pickle.loads(pickle.dumps((work, given)))
        done: Future[Any] = Future()
        try:
            found = pickle.loads(pickle.dumps(sent(*arguments, **named)))
        except Exception as error:
            done.set_exception(error)
        else:
            self.pieces += len(found)
            self.fitting += sum(each is not None for each in found)
            done.set_result(found)
        return done


def _told(parts: Iterator[Finding | Passed]) -> tuple[list[Finding], tuple[int, int, int], str]:
    """The findings, the sums of bytes, segments and sets, and the error that ended it."""
    findings, sums, error = [], [0, 0, 0], ""
    try:
        for part in parts:
            if isinstance(part, Finding):
                findings.append(part)
            else:
                sums = [one + more for one, more in zip(sums, (part.bytes, part.segments, part.sets), strict=True)]
    except MalformedInterchange as malformed:
        error = repr((malformed.what, malformed.where, malformed.fix))
    return findings, (sums[0], sums[1], sums[2]), error


def _same(
    path: Path, pool: Executor, level: type[Checking] = Growing, piece: int = SMALL
) -> tuple[list[Finding], tuple[int, int, int], str]:
    with path.open("rb") as file:
        alone = _told(check_chunks(iter(lambda: file.read(1 << 18), b""), level))
    findings, sums, error = _told(check(path, 2, level, pool=pool, piece=piece))
    assert (findings, error) == (alone[0], alone[2])
    assert sums[1:] == alone[1][1:]
    assert sums == alone[1] or error, "how many bytes of a broken chunk count is nobody's business"
    return alone


def _group(kind: str, size: int, form: Form) -> list[str]:
    """The segments of a group, GS to GE, each with its terminator and line end."""
    return list(interchange(kind, size, form))[1:-1]


def _document(seed: int, form: Form, groups: int = 3) -> list[str]:
    """Some interchanges of some groups."""
    chance, text = random.Random(seed), []
    for number in range(2):
        isa, iea = [each for each in interchange("999", 1, form) if each[:3] in ("ISA", "IEA")]
        text.append(isa)
        for each in range(groups):
            text += _group(chance.choice(("837p", "835", "277ca", "999")), 2_500, replace(form, seed=seed + each))
        text.append(iea.replace("1", str(groups), 1) if number else iea)  # The first one's count is wrong.
    return text


FORMS = {
    "lines": Form(claims_per_set=2, seed=3),
    "one_line": Form(line_end="", claims_per_set=1, seed=4),
    "other_marks": Form(
        element="|", component=">", repetition="!", terminator="$", line_end="\r\n", claims_per_set=2, seed=5
    ),
    "line_as_mark": Form(terminator="\n", line_end="", claims_per_set=2, seed=6),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    return FORMS[request.param]


@pytest.mark.parametrize("level", LEVELS)
def test_groups_and_interchanges_without_an_oddity_all_go_to_workers(
    form: Form, level: type[Checking], tmp_path: Path
) -> None:
    path, here = tmp_path / "file.edi", Here()
    path.write_bytes("".join(_document(7, form)).encode())
    findings, (length, segments, sets), error = _same(path, here, level)
    assert [each.rule for each in findings] == ["x12.interchange.count"]
    assert (length, error) == (path.stat().st_size, "")
    assert here.fitting == here.pieces > 10
    assert sets >= here.pieces
    assert segments == path.read_text().count(form.terminator)


def _damaged(segments: list[str], form: Form, chance: random.Random) -> bytes:
    """A document with some things wrong that senders get wrong."""
    segments = list(segments)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(1, len(segments))
        one = segments[at]
        tag = one.split(form.element)[0]
        match chance.randrange(12):
            case 0:
                segments[at] = ""
            case 1:
                segments[at] = one * 2
            case 2:
                segments[at] = form.terminator + one
            case 3:
                segments[at] = "  " + one
            case 4:
                segments[at] = one.replace(form.terminator, form.element + form.terminator, 1)
            case 5:
                segments[at] = one[: len(one) // 2] + "\n" + one[len(one) // 2 :]
            case 6:
                segments[at] = f"GE{form.element}1{form.element}1{form.terminator}" + one
            case 7:
                segments[at] = f"BIN{form.element}9{form.element}ab{form.terminator}\nST{form.element}c" + one
            case 8:
                segments[at] = segments[0] + one if chance.random() < 0.3 else one
            case 9:
                segments[at] = one.replace(form.element + "0001", form.element + "0002")
            case 10:
                where = chance.randrange(len(one))
                segments[at] = one[:where] + chance.choice("*~:A1 \n\xe9") + one[where + 1 :]
            case 11:
                ends = [
                    index for index, each in enumerate(segments) if each[:2] in ("SE", "GE", "ST", "GS", "IS", "IE")
                ]
                segments[chance.choice(ends)] = chance.choice(("", tag + form.terminator))
    return "".join(segments).encode("latin-1" if chance.random() < 0.5 else "utf-8")


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_told_the_same(
    form: Form, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    at_once = chance.choice((97, 1_000, codec.AT_ONCE))  # What is told of one stretch hangs on its end.
    monkeypatch.setattr(codec, "AT_ONCE", at_once)
    monkeypatch.setattr(parallel, "AT_ONCE", at_once)
    path, here = tmp_path / "file.edi", Here()
    path.write_bytes(_damaged(_document(seed, form, groups=2), form, chance))
    _same(path, here, chance.choice(LEVELS), piece=chance.choice((100, SMALL, 3_000)))


def test_sets_of_one_number_are_told_wherever_they_stand(tmp_path: Path) -> None:
    form, path, here = FORMS["lines"], tmp_path / "file.edi", Here()
    text = "".join(interchange("837p", 12_000, form))
    for number in range(2, 9):
        text = text.replace(f"ST*837*{number:04}", "ST*837*0001").replace(f"*{number:04}~\nST", "*0001~\nST")
    path.write_text(text)
    findings, (_, _, sets), _ = _same(path, here)
    repeated = [each for each in findings if each.rule == "x12.set.control_number_repeated"]
    assert len(repeated) >= 5
    assert here.fitting == here.pieces == sets
    assert repeated[0].where != repeated[1].where


def test_more_findings_than_a_worker_may_hold_are_found_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, here = tmp_path / "file.edi", Here()
    path.write_text("".join(interchange("837p", 9_000, FORMS["lines"])).replace("*UN*", "*XX*"))
    monkeypatch.setattr(parallel, "FINDINGS_MAX", 1)
    findings, _, _ = _same(path, here)
    assert len(findings) > 10
    assert here.fitting < here.pieces


def test_pieces_have_neither_gaps_nor_overlaps(form: Form, tmp_path: Path) -> None:
    path = tmp_path / "file.edi"
    path.write_bytes("".join(_document(11, form)).encode())
    with path.open("rb") as file:
        pieces = list(cut(file, path.stat().st_size, SMALL))
    assert [each.stop for each in pieces[:-1]] == [each.start for each in pieces[1:]]
    assert (pieces[0].start, pieces[-1].stop) == (0, path.stat().st_size)
    assert all(each.start < each.stop for each in pieces)


def test_a_set_longer_than_a_piece_is_one(tmp_path: Path) -> None:
    path, here = tmp_path / "file.edi", Here()
    path.write_text("".join(interchange("835", 40_000, Form(claims_per_set=500))))
    _, (_, _, sets), _ = _same(path, here)
    assert here.fitting == here.pieces == sets


def test_what_is_no_interchange_gets_the_same_error(tmp_path: Path) -> None:
    path = tmp_path / "file.edi"
    path.write_bytes(b"nothing of X12 " * 100)
    assert _same(path, Here())[2]


def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file.edi"
    path.write_text("".join(interchange("837p", 9_000, FORMS["lines"])))

    class Late(Here):
        def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> "Future[Any]":
            with path.open("a") as file:
                file.write("more")
            return super().submit(work, *given, **named)

    with pytest.raises(GatewayError, match="changed while it was read"):
        _told(check(path, 2, pool=Late(), piece=SMALL))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="cannot be read"):
        _told(check(tmp_path / "missing.edi", 2))


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with workers(3) as own:
        yield own


def test_processes_find_the_same(pool: Executor, tmp_path: Path) -> None:
    path = tmp_path / "file.edi"
    for seed in range(3):
        path.write_bytes(_damaged(_document(seed, FORMS["lines"]), FORMS["lines"], random.Random(seed)))
        _same(path, pool)


def _dying(header: SetHeader) -> Checking:
    if parent_process() is not None:
        os._exit(3)
    return Checking(header)


def test_a_worker_that_dies_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "file.edi"
    path.write_text("".join(interchange("837p", 9_000, FORMS["lines"])))
    with pytest.raises(GatewayError, match="has died"):
        _told(check(path, 2, _dying, piece=SMALL))
