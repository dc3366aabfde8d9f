"""The generated X12 files are what they claim: sound to pyx12 and to us, balanced, and the same for the same seed.

Sums, counts and check digits are worked out here again from the text alone.
"""

import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pyx12.params import ParamsBase
from pyx12.x12n_document import x12n_document
from x12_files import KINDS, Form, Written, interchange, write_file

from gateway.errors import Finding
from gateway.x12.validate import Examined, examine

SIZE = 30_000
FORMS = {
    "lines": Form(seed=3),
    "one_line": Form(line_end="", claims_per_set=7, seed=4),
    "other_marks": Form(element="|", component=">", repetition="!", terminator="$", line_end="\r\n", seed=5),
}


def _text(kind: str, form: Form | None = None, size: int = SIZE) -> str:
    return "".join(interchange(kind, size, form))


def _segments(kind: str, size: int = SIZE) -> list[list[str]]:
    return [line.removesuffix("~").split("*") for line in _text(kind, size=size).splitlines()]


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    return FORMS[request.param]


@pytest.mark.parametrize("kind", KINDS)
def test_pyx12_finds_nothing(kind: str, form: Form) -> None:
    settings = ParamsBase()
    settings.set("charset", "E")
    assert x12n_document(settings, io.StringIO(_text(kind, form)), None, None)


@pytest.mark.parametrize("kind", KINDS)
def test_we_find_nothing(kind: str, form: Form) -> None:
    found: list[Finding] = []
    sets = 0
    for part in examine([_text(kind, form).encode()]):
        found += [part] if isinstance(part, Finding) else part.findings if isinstance(part, Examined) else []
        sets += isinstance(part, Examined)
    assert found == []
    assert sets


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_has_the_size_and_the_counts_that_are_told(kind: str, tmp_path: Path) -> None:
    written = write_file(kind, tmp_path / "file.edi", SIZE)
    text = (tmp_path / "file.edi").read_text(encoding="ascii")
    assert written == Written(
        bytes=len(text),
        segments=text.count("~"),
        sets=text.count("\nST*"),
        claims=written.claims,
    )
    assert SIZE <= written.bytes < SIZE * 1.1
    starts = {"837p": "\nCLM*", "835": "\nCLP*", "277ca": "\nTRN*2*CL", "999": "\nAK2*"}
    assert written.claims == text.count(starts[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_alone_makes_the_file(kind: str) -> None:
    assert _text(kind, Form(seed=9)) == _text(kind, Form(seed=9))
    assert _text(kind, Form(seed=9)) != _text(kind, Form(seed=10))


@pytest.mark.parametrize("kind", KINDS)
def test_every_npi_has_its_check_digit(kind: str) -> None:
    segments = _segments(kind)
    npis = [one[one.index("XX") + 1] for one in segments if "XX" in one]
    assert npis or kind == "999"
    for npi in npis:
        digits = [int(each) for each in reversed("80840" + npi)]
        doubled = [sum(divmod(each * (1 + place % 2), 10)) for place, each in enumerate(digits)]
        assert sum(doubled) % 10 == 0


def test_lines_sum_to_their_claim_and_other_payers_to_its_charge() -> None:
    claims = list(_parts(_segments("837p", 200_000), "CLM"))
    other_payers = 0
    for claim in claims:
        charge = Decimal(claim[0][2])
        assert sum(Decimal(one[2]) for one in claim if one[0] == "SV1") == charge
        for paid in (one for one in claim if one[:2] == ["AMT", "D"]):
            other_payers += 1
            adjusted = sum(_adjusted(one) for one in claim if one[0] == "CAS")
            assert Decimal(paid[2]) + adjusted == charge
            by_line = [Decimal(one[2]) for one in claim if one[0] == "SVD"]
            assert not by_line or sum(by_line) == Decimal(paid[2])
    assert len(claims) > 100
    assert other_payers > 10


def test_remittances_balance_to_the_cent() -> None:
    segments = _segments("835", 200_000)
    kinds = set()
    for one in _parts(segments, "BPR"):
        claims = list(_parts(one, "CLP"))
        for claim in claims:
            kinds.add(claim[0][2])
            adjusted = sum(_adjusted(each) for each in claim if each[0] == "CAS")
            assert Decimal(claim[0][3]) - adjusted == Decimal(claim[0][4])
            assert sum(Decimal(each[2]) for each in claim if each[0] == "SVC") == Decimal(claim[0][3])
            for line in _parts(claim, "SVC"):
                adjusted = sum(_adjusted(each) for each in line if each[0] == "CAS")
                assert Decimal(line[0][2]) - adjusted == Decimal(line[0][3])
            shared = sum(_adjusted(each) for each in claim if each[:2] == ["CAS", "PR"])
            assert shared == Decimal(claim[0][5] or 0) or claim[0][2] == "22"
        provider = sum(Decimal(amount) for each in one if each[0] == "PLB" for amount in each[4::2])
        assert sum(Decimal(claim[0][4]) for claim in claims) - provider == Decimal(one[0][2])
    assert kinds == {"1", "4", "22"}


def _adjusted(cas: list[str]) -> Decimal:
    return sum((Decimal(amount) for amount in cas[3::3]), Decimal(0))


def _parts(segments: list[list[str]], tag: str) -> Iterator[list[list[str]]]:
    """Cuts at each segment with this tag; what comes before the first is left out."""
    part: list[list[str]] = []
    for one in [*segments, [tag]]:
        if one[0] == tag:
            if part:
                yield part
            part = []
        if part or one[0] == tag:
            part.append(one)
