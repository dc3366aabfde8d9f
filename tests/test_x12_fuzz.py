"""Arbitrary bytes give findings, not tracebacks: a short, seeded form of ``python tests/x12_fuzz.py``."""

import pytest
from x12_fuzz import run

INPUTS = 250


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_no_input_breaks_a_law(seed: int) -> None:
    told = run(seed=seed, inputs=INPUTS)
    assert told.inputs == INPUTS
    assert len(told.rules) > 20
