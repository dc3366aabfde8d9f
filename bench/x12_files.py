"""Writes valid, varied, made-up X12 files of any size: 837P, 835, 277CA and 999, as a clearinghouse sends them.

Run: ``python bench/x12_files.py KIND OUT BYTES``, such as ``837p claims.edi 1e8``. One interchange, one group, sets of
some hundred claims, balanced, with sound check digits and codes that exist. The same seed writes the same file. Nothing
of it is anybody's, and nothing here is shared with the code that it measures.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from x12_acknowledgments import CLAIM_STATUS_VERSION, IMPLEMENTATION_VERSION, claim_status_set, implementation_set
from x12_cast import Cast, Segment
from x12_claims import VERSION as PROFESSIONAL_VERSION
from x12_claims import claims_set
from x12_remittances import VERSION as REMITTANCE_VERSION
from x12_remittances import remittance_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file: GS01, GS08, its sets, and what one claim takes before that is known, in bytes."""

    functional_id: str
    version: str
    sets: Callable[[Cast, str, int], Iterator[Segment]]
    bytes_of_claim: int


KINDS = {
    "837p": Kind(functional_id="HC", version=PROFESSIONAL_VERSION, sets=claims_set, bytes_of_claim=900),
    "835": Kind(functional_id="HP", version=REMITTANCE_VERSION, sets=remittance_set, bytes_of_claim=800),
    "277ca": Kind(functional_id="HN", version=CLAIM_STATUS_VERSION, sets=claim_status_set, bytes_of_claim=220),
    "999": Kind(functional_id="FA", version=IMPLEMENTATION_VERSION, sets=implementation_set, bytes_of_claim=70),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a file is written: delimiters, line end, and how many claims (of a 999: sets) a set has at most."""

    element: str = "*"
    component: str = ":"
    repetition: str = "^"
    terminator: str = "~"
    line_end: str = "\n"
    claims_per_set: int = 500
    seed: int = 1


@dataclass(slots=True, kw_only=True)
class Written:
    """What a file holds."""

    bytes: int = 0
    segments: int = 0
    sets: int = 0
    claims: int = 0


def write_file(kind: str, path: Path, size: int, form: Form | None = None) -> Written:
    """Writes a file of at least ``size`` bytes, and about that many."""
    written = Written()
    with path.open("w", encoding="ascii", newline="") as file:
        for text in interchange(kind, size, form, written):
            file.write(text)
    return written


def interchange(kind: str, size: int, form: Form | None = None, written: Written | None = None) -> Iterator[str]:
    """The text of a file in pieces of a segment; ``written`` counts what has been given."""
    form, written = form or Form(), written if written is not None else Written()
    what, cast = KINDS[kind], Cast(form.seed)

    def text(*elements: str | tuple[str, ...]) -> str:
        line = _text(elements, form)
        written.bytes += len(line)
        written.segments += 1
        return line

    yield text(*_isa(form))
    yield text("GS", what.functional_id, "EXAMPLEBILLER", "EXAMPLEHOUSE", "20260310", "1730", "1", "X", what.version)
    while not written.sets or written.bytes < size:
        claims = _claims_that_fit(size, written, what, form)
        control_number, begun = f"{written.sets + 1:04}", written.segments
        for segment in what.sets(cast, control_number, claims):
            yield text(*segment)
        yield text("SE", str(written.segments - begun + 1), control_number)
        written.sets += 1
        written.claims += claims
    yield text("GE", str(written.sets), "1")
    yield text("IEA", "1", "000000001")


def _claims_that_fit(size: int, written: Written, what: Kind, form: Form) -> int:
    bytes_of_claim = written.bytes // written.claims if written.claims else what.bytes_of_claim
    return max(1, min(form.claims_per_set, (size - written.bytes) // bytes_of_claim))


def _isa(form: Form) -> Segment:
    """Its elements have their fixed lengths, so that it has 106 characters with its terminator."""
    parties = ("ZZ", "EXAMPLEBILLER".ljust(15), "ZZ", "EXAMPLEHOUSE".ljust(15))
    dates = ("260310", "1730", form.repetition, "00501", "000000001")
    return ("ISA", "00", " " * 10, "00", " " * 10, *parties, *dates, "0", "T", form.component)


def _text(elements: Segment, form: Form) -> str:
    shown = [each if isinstance(each, str) else form.component.join(each) for each in elements]
    line = form.element.join(shown)
    if not shown[-1]:
        line = line.rstrip(form.element)
    return line + form.terminator + form.line_end


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a valid, made-up X12 file.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("out", type=Path)
    parser.add_argument("bytes", type=float)
    parser.add_argument("--claims-per-set", type=int, default=500)
    parser.add_argument("--one-line", action="store_true", help="no line ends")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    form = Form(line_end="" if told.one_line else "\n", claims_per_set=told.claims_per_set, seed=told.seed)
    written = write_file(told.kind, told.out, int(told.bytes), form)
    print(
        f"{told.out}: {written.bytes} bytes, {written.segments} segments, {written.sets} sets, {written.claims} claims"
    )


if __name__ == "__main__":
    main()
