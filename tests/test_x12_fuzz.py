"""Arbitrary bytes give findings, not tracebacks: a short, seeded form of ``python tests/x12_fuzz.py``."""

import pytest
from x12_fuzz import CHUNKS, check, run

INPUTS = 250
ISA = b"ISA*00*          *00*          *ZZ*CLINICS        *ZZ*PAYER          *260302*1200*^*00501*000000001*0*T*:~"

# Found by the long form, each with what it broke.
ONCE_BROKEN = {
    "tag_as_file_name": ISA + b"GS*HC*A*B*20260302*1200*1*X*005010X222A1~ST*837*0001~" + b"A" * 300 + b"*1~",
    "tag_as_path": ISA + b"GS*HC*A*B*20260302*1200*1*X*005010X222A1~ST*837*0001~../../pyproject*1~",
    "set_in_a_set": ISA + b"GS*HN*A*B*20260302*1200*1*X*005010X214~ST*277*0001~BHT*0085~ST*277*0001~SE*1*0001~",
    "empty_at_a_chunk": ISA + b"\nGS*HN\n14401~\nST*2~\n~",
    "filler_as_separator": ISA.replace(b"*", b"\x1a") + b"8~\x1a*~\x1a~\x1a*~",
    "isa_again_in_no_room": b"ISA****************~S~\nISA*~",
    "four_bytes": b"4\x91\x19\x00",
}


@pytest.mark.parametrize("name", ONCE_BROKEN)
def test_what_once_broke_a_law_breaks_none(name: str) -> None:
    for width in CHUNKS:
        check(ONCE_BROKEN[name], width)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_no_input_breaks_a_law(seed: int) -> None:
    told = run(seed=seed, inputs=INPUTS)
    assert told.inputs == INPUTS
    assert len(told.rules) > 20
