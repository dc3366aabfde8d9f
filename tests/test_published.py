"""Published tables in their keepers' formats, and what a new release changes. The samples are our own."""

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.coding import published
from gateway.coding.published import Kept, Published, Row, changes
from gateway.errors import GatewayError

SAMPLES = Path(__file__).parent / "fixtures" / "tables"
NCCI_HEAD = (
    "Column 1\tColumn 2\t*=in existence prior to 1996\tEffective Date\tDeletion Date *=no data\tModifier\t"
    "PTP Edit Rationale\n"
)
MUE_HEAD = "HCPCS/CPT Code,Practitioner Services MUE Values,MUE Adjudication Indicator,MUE Rationale\n"
CARC_HEAD = "Code,Description,Start Date,Last Modified,Stop Date,Notes\n"


def _file(kind: str, name: str) -> Published:
    with (SAMPLES / name).open("rb") as stream:
        return published.read(kind, [(name, stream)])


def _text(kind: str, text: str, name: str = "sample.txt") -> Published:
    return published.read(kind, [(name, io.BytesIO(text.encode()))])


def _zip(**members: str) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, text in members.items():
            pack.writestr(name.replace("__", "."), text)
    packed.seek(0)
    return packed


def _mistakes(kind: str, text: str) -> list[str]:
    with pytest.raises(GatewayError) as raised:
        _text(kind, text)
    assert all(each.fix for each in raised.value.findings)
    return [f"{each.where}: {each.what}" for each in raised.value.findings]


def test_pairs_as_cms_publishes_them() -> None:
    found = _file("ncci", "ccipra-v322r0.txt")
    assert [
        (each.code, each.other, each.starts_on, each.ends_on, each.content["indicator"]) for each in found.rows
    ] == [
        ("11111", "22222", date(1996, 1, 1), None, "0"),
        ("97110", "99999", date(2020, 1, 1), None, "1"),
        ("97150", "97112", date(2015, 1, 1), date(2026, 3, 31), "1"),
        ("97164", "97110", date(2020, 1, 1), None, "0"),
        ("97530", "97116", date(2020, 1, 1), None, "1"),
        ("97530", "97113", date(2018, 1, 1), date(2018, 1, 1), "9"),
    ]


def test_a_zip_holds_the_text_beside_a_workbook() -> None:
    text = (SAMPLES / "ccipra-v322r0.txt").read_text()
    packed = _zip(ccipra_v322r0__TXT=text, ccipra_v322r0__xlsx="no text")
    found = published.read("ncci", [("ccipra.zip", packed)])
    assert found.names == ("ccipra_v322r0.TXT",)
    assert len(found.rows) == 6


def test_the_parts_of_a_release_are_read_together() -> None:
    parts = [
        (f"ccipra-v322r0-f{n}.txt", io.BytesIO(f"{NCCI_HEAD}9711{n}\t97530\t\t20200101\t*\t1\t\n".encode()))
        for n in range(1, 5)
    ]
    assert [each.code for each in published.read("ncci", parts).rows] == ["97111", "97112", "97113", "97114"]


def test_a_part_alone_is_no_release() -> None:
    parts = [
        (f"ccipra-v322r0-f{n}.txt", io.BytesIO((NCCI_HEAD + "97110\t97530\t\t20200101\t*\t1\t\n").encode()))
        for n in (1, 4)
    ]
    with pytest.raises(GatewayError) as raised:
        published.read("ncci", parts)
    assert "part 2, 3 of 4 of the release is missing" in str(raised.value.findings[0])


def test_the_hospitals_pairs_are_refused() -> None:
    with pytest.raises(GatewayError) as raised:
        _text("ncci", NCCI_HEAD + "97110\t97530\t\t20200101\t*\t1\t\n", "ccioph-v322r0.txt")
    assert "outpatient hospitals" in str(raised.value.findings[0])


def test_limits_as_cms_publishes_them() -> None:
    found = _file("mue", "MCR_MUE_PractitionerServices_Eff_07-01-2026.csv")
    assert [(each.code, each.content["units"], each.content["indicator"]) for each in found.rows] == [
        ("97110", 6, "3"),
        ("97150", 1, "2"),
        ("97161", 1, "2"),
        ("97799", 2, "1"),
    ]


def test_columns_are_found_by_their_headings() -> None:
    text = (
        "HCPCS/CPT Code,MUE Rationale,MUE Adjudication Indicator,Practitioner Services MUE Values\n97110,Sample,3 x,6\n"
    )
    assert _text("mue", text).rows[0].content == {"units": 6, "indicator": "3"}


def test_the_other_mue_tables_are_refused() -> None:
    text = MUE_HEAD.replace("Practitioner", "Outpatient Hospital") + "97110,6,3,x\n"
    assert _mistakes("mue", text) == [
        "sample.txt line 1, column 2: the column 'outpatient hospital services mue values' is not known here",
        "sample.txt line 1: the column 'practitioner services mue values' is missing",
    ]


def test_diagnoses_as_cms_publishes_them() -> None:
    found = _file("icd10", "icd10cm-order-2026.txt")
    assert [(each.code, each.content["billable"]) for each in found.rows] == [
        ("M54", False),
        ("M545", False),
        ("M5450", True),
        ("M2551", False),
        ("M25511", True),
        ("S8300XA", True),
    ]
    assert all(set(each.content) == {"billable"} for each in found.rows), "no names are kept"


def test_the_zip_of_diagnoses_has_other_files_beside_it() -> None:
    order = (SAMPLES / "icd10cm-order-2026.txt").read_text()
    packed = _zip(icd10cm_order_2026__txt=order, icd10cm_codes_2026__txt="x", icd10cm_order_addenda_2026__txt="y")
    found = published.read("icd10", [("2026-code-descriptions-tabular-order.zip", packed)])
    assert found.names == ("icd10cm_order_2026.txt",)


def test_reason_codes_with_their_days_and_texts() -> None:
    rows = {each.code: each for each in _file("carc", "carc.csv").rows}
    assert rows["1"].content == {"text": "Sample text of our own, one"}
    assert rows["197"].content["notes"] == "Sample note"
    assert rows["199"].ends_on == date(2026, 6, 30), "the stop date is the first day without it"
    assert [each.code for each in _file("rarc", "rarc.csv").rows] == ["M62", "N362"]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (
            "ncci",
            NCCI_HEAD + "9711\t97530\tx\t20209901\t-\t2\t\n97110\t97530\t\t20200101\t20190101\t1\t\n",
            [
                "sample.txt line 2, column 1: there is no code of five characters",
                "sample.txt line 2, column 3: this is neither * nor empty",
                "sample.txt line 2, column 4: the effective date is none",
                "sample.txt line 2, column 5: the deletion date is neither one nor *",
                "sample.txt line 2, column 6: the modifier indicator is not 0, 1 or 9",
                "sample.txt line 3, column 5: the edit ends before it begins",
            ],
        ),
        (
            "mue",
            MUE_HEAD + "97110,six,3,x\n9711,6,x,x\n97112,1,3,a,b\n",
            [
                "sample.txt line 2, column 2: the MUE value is no whole number",
                "sample.txt line 3, column 1: there is no code of five characters",
                "sample.txt line 3, column 3: the adjudication indicator does not begin with 1, 2 or 3",
                "sample.txt line 4, column 5: there are more cells than headings",
            ],
        ),
        (
            "icd10",
            "00001 M54.5   1 Low back pain\n0000x M5450   2 Low back pain\n",
            [
                "sample.txt line 1, column 7: columns 7 to 13 are no code without a dot",
                "sample.txt line 2, column 1: columns 1 to 5 are no order number",
                "sample.txt line 2, column 15: column 15 is neither 0 nor 1",
            ],
        ),
        (
            "carc",
            CARC_HEAD + "A-1,,2020-13-01,,soon,\n197,text,,,,\n",
            [
                "sample.txt line 2, column 1: there is no code such as 197 or N362",
                "sample.txt line 2, column 2: the description is missing",
                "sample.txt line 2, column 3: this is no date",
                "sample.txt line 2, column 5: this is no date",
                "sample.txt line 3, column 3: the start date is missing",
            ],
        ),
        (
            "carc",
            CARC_HEAD.replace("Notes", "Colour") + "1,t,2020-01-01,,,\n",
            ["sample.txt line 1, column 6: the column 'colour' is not known here"],
        ),
        ("mue", "one,two\n1,2\n", ["sample.txt: no line of headings was found"]),
        ("mue", "", ["sample.txt: no line of headings was found"]),
        ("mue", MUE_HEAD, ["sample.txt: there is no row in it"]),
        (
            "mue",
            MUE_HEAD + "97110,6,3,x\n97110,7,3,x\n",
            ["sample.txt line 3: 97110 stands there twice, and not alike"],
        ),
    ],
)
def test_every_mistake_is_told_with_line_and_column(kind: str, text: str, expected: list[str]) -> None:
    assert _mistakes(kind, text) == expected


def test_of_many_mistakes_a_hundred_are_told_and_all_counted() -> None:
    with pytest.raises(GatewayError) as raised:
        _text("mue", MUE_HEAD + "97110,six,3,x\n" * 150)
    assert len(raised.value.findings) == 100
    assert raised.value.what == "150 mistakes in the table, the first 100 of which follow"


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("table.xlsx", b"PK\x03\x04", "workbooks are not read"),
        ("table.txt", b"PK\x03\x04rest", "this is no text"),
        ("table.zip", b"no zip", "it is no zip that can be opened"),
    ],
)
def test_what_is_no_text_is_refused_in_words(name: str, data: bytes, expected: str) -> None:
    with pytest.raises(GatewayError, match=expected) as raised:
        published.read("mue", [(name, io.BytesIO(data))])
    assert raised.value.fix


def test_a_zip_without_the_table_says_what_is_in_it() -> None:
    with pytest.raises(GatewayError, match=r"the table is not in it, but readme\.pdf"):
        published.read("mue", [("mue.zip", _zip(readme__pdf="x"))])


@pytest.mark.parametrize(
    ("kind", "name", "first", "last"),
    [
        ("ncci", "ccipra-v320r0-f1.TXT", date(2026, 1, 1), date(2026, 3, 31)),
        ("ncci", "ccipra-v313r0-f4.txt", date(2025, 10, 1), date(2025, 12, 31)),
        ("mue", "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv", date(2026, 10, 1), date(2026, 12, 31)),
        ("icd10", "icd10cm-order-2026.txt", date(2025, 10, 1), date(2026, 9, 30)),
        ("icd10", "icd10cm-order-April-2026.txt", date(2026, 4, 1), date(2026, 9, 30)),
    ],
)
def test_a_release_says_its_days_by_its_name(kind: str, name: str, first: date, last: date) -> None:
    assert published.starts_on(kind, name) == first
    assert published.ends_on(kind, first) == last


@pytest.mark.parametrize(
    ("kind", "name"), [("ncci", "pairs.txt"), ("mue", "mue.csv"), ("icd10", "x.txt"), ("carc", "carc.csv")]
)
def test_other_names_say_nothing(kind: str, name: str) -> None:
    assert published.starts_on(kind, name) is None


# What a release changes: small tables by hand, then laws over random ones.

START = date(2026, 10, 1)


def _release(kind: str, *rows: Row) -> Published:
    return Published(kind=kind, names=("sample",), rows=rows, left_out=0)


def _limit(code: str, units: int) -> Row:
    return Row(code=code, content={"units": units})


def _applied(kept: list[Kept], release: Published, starts_on: date) -> list[Kept]:
    held = {(each.code, each.other, each.starts_on): each for each in kept}
    for each in changes(kept, release, starts_on).rows():
        held[each.code, each.other, each.starts_on] = each
    return list(held.values())


def _says(kept: list[Kept], day: date) -> dict[tuple[str, str], dict[str, str | int | bool]]:
    found: dict[tuple[str, str], dict[str, str | int | bool]] = {}
    for each in kept:
        if each.holds_on(day):
            assert (each.code, each.other) not in found, "no two rows of a code hold on one day"
            found[each.code, each.other] = each.says
    return found


def test_a_new_quarter_ends_what_vanished_and_goes_on_with_what_changed() -> None:
    before = _applied([], _release("mue", _limit("97110", 6), _limit("97150", 1), _limit("97161", 1)), date(2026, 7, 1))
    release = _release("mue", _limit("97110", 8), _limit("97150", 1), _limit("97116", 4))
    found = changes(before, release, START)
    assert [each.code for each in found.new] == ["97116"]
    assert [(old.code, now.ends_on) for old, now in found.ended] == [("97161", date(2026, 9, 30))]
    assert [(old.says["units"], now.says["units"], now.starts_on) for old, now in found.changed] == [(6, 8, START)]
    assert found.same == 1
    after = _applied(before, release, START)
    assert len(after) == 5, "nothing is deleted"
    assert _says(after, date(2026, 9, 30))["97110", ""] == {"units": 6}
    assert _says(after, START) == {
        ("97110", ""): {"units": 8},
        ("97150", ""): {"units": 1},
        ("97116", ""): {"units": 4},
    }


def test_an_indicator_that_changes_holds_from_the_release_on() -> None:
    pair = Row(code="97164", other="97110", starts_on=date(2020, 1, 1), content={"indicator": "0"})
    liftable = Row(code="97164", other="97110", starts_on=date(2020, 1, 1), content={"indicator": "1"})
    kept = _applied([], _release("ncci", pair), date(2026, 7, 1))
    kept = _applied(kept, _release("ncci", liftable), START)
    assert _says(kept, date(2026, 9, 30)) == {("97164", "97110"): {"indicator": "0"}}
    assert _says(kept, START) == {("97164", "97110"): {"indicator": "1"}}
    assert changes(kept, _release("ncci", liftable), date(2027, 1, 1)).same == 1, "the same row is known again"


def test_a_deletion_date_ends_a_pair_on_its_day() -> None:
    pair = Row(code="97164", other="97110", starts_on=date(2020, 1, 1), content={"indicator": "0"})
    deleted = Row(
        code="97164", other="97110", starts_on=date(2020, 1, 1), ends_on=date(2026, 8, 15), content={"indicator": "0"}
    )
    kept = _applied([], _release("ncci", pair), date(2026, 7, 1))
    found = changes(kept, _release("ncci", deleted), START)
    assert [(old.ends_on, now.ends_on) for old, now in found.ended] == [(None, date(2026, 8, 15))]
    assert found.touches(date(2026, 8, 16)) == {("97164", "97110")}
    assert found.touches(date(2026, 8, 15)) == set()


def test_a_release_that_was_mended_replaces_its_own_rows() -> None:
    kept = _applied([], _release("mue", _limit("97110", 6), _limit("97150", 1)), START)
    found = changes(kept, _release("mue", _limit("97110", 7)), START)
    assert [(old.says["units"], now.says["units"]) for old, now in found.mended] == [(6, 7)]
    kept = _applied(kept, _release("mue", _limit("97110", 7)), START)
    assert _says(kept, START) == {("97110", ""): {"units": 7}}
    kept = _applied(kept, _release("mue", _limit("97110", 7), _limit("97150", 1)), START)
    assert _says(kept, START) == {("97110", ""): {"units": 7}, ("97150", ""): {"units": 1}}


@given(
    st.lists(st.dictionaries(st.sampled_from(["97110", "97112", "97116"]), st.integers(1, 3)), min_size=1, max_size=6)
)
def test_each_quarter_is_told_as_its_release_said(quarters: list[dict[str, int]]) -> None:
    kept: list[Kept] = []
    days = [date(2024 + number // 4, 1 + 3 * (number % 4), 1) for number in range(len(quarters))]
    for day, quarter in zip(days, quarters, strict=True):
        before = len(kept)
        kept = _applied(kept, _release("mue", *(_limit(code, units) for code, units in quarter.items())), day)
        assert len(kept) >= before, "nothing is deleted"
    for day, quarter in zip(days, quarters, strict=True):
        assert _says(kept, day) == {(code, ""): {"units": units} for code, units in quarter.items()}


@given(st.dictionaries(st.sampled_from(["97110", "97112"]), st.integers(1, 3), min_size=1))
def test_the_same_release_again_changes_nothing(quarter: dict[str, int]) -> None:
    release = _release("mue", *(_limit(code, units) for code, units in quarter.items()))
    assert list(changes(_applied([], release, START), release, START).rows()) == []
