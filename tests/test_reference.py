"""Published tables on both databases: what vanished ends, what is touched is told, a table is there for its days."""

import json
from datetime import date
from pathlib import Path

import pytest
from conftest import Clock
from flow_stage import claim_json, on_sqlite, on_stage, request_json
from played import Played, played

from gateway.cli import run
from gateway.errors import GatewayError
from gateway.flow import reference
from gateway.flow.reference import Report
from gateway.store import Scope, Store

__all__ = ["played"]

SAMPLES = Path(__file__).parent / "fixtures" / "tables"
SYSTEM = Scope.system("test")
TODAY = date(2026, 10, 5)


def _in(store: Store, kind: str, name: str, *, whole: bool = False, starts_on: date | None = None) -> Report:
    release = reference.read(kind, [SAMPLES / name], starts_on=starts_on, whole=whole, today=TODAY)
    with store.transaction(SYSTEM) as tx:
        return reference.take_in(tx, release)


def test_pairs_of_therapy_are_kept_and_end_with_the_next_release(store: Store) -> None:
    first = _in(store, "ncci", "ccipra-v322r0.txt")
    assert (len(first.changes.new), first.release.table.left_out) == (4, 2)
    second = _in(store, "ncci", "ccipra-v323r0.txt")
    assert [each.named for each in second.changes.new] == ["97140/97161"]
    assert [(old.named, now.ends_on) for old, now in second.changes.ended] == [("97530/97116", date(2026, 9, 30))]
    assert [old.named for old, _ in second.changes.changed] == ["97164/97110"]
    with store.transaction(SYSTEM, read_only=True) as tx:
        assert len(list(tx.reference.all("ncci"))) == 6, "nothing is deleted"
        found = reference.reference_for(tx, ["97110", "97164"], [date(2026, 10, 5), date(2026, 9, 1)])
        assert found.pairs is not None
        held = {day: [e.indicator for e in found.pairs if e.holds_on(day)] for day in (TODAY, date(2026, 9, 1))}
        assert held == {TODAY: ["1"], date(2026, 9, 1): ["0"]}
        assert found.therapy_only
        assert found.source("ncci") == "ccipra-v322r0.txt, from 2026-07-01; ccipra-v323r0.txt, from 2026-10-01"


def test_all_pairs_are_kept_where_that_is_wanted(store: Store) -> None:
    assert _in(store, "ncci", "ccipra-v322r0.txt", whole=True).release.table.left_out == 0
    with store.transaction(SYSTEM, read_only=True) as tx:
        found = reference.reference_for(tx, ["11111", "22222"], [date(2026, 9, 1)])
        assert found.pairs is not None
        assert len(found.pairs) == 1
        assert not found.therapy_only


def test_a_table_is_there_for_the_days_of_its_releases_only(store: Store) -> None:
    _in(store, "mue", "MCR_MUE_PractitionerServices_Eff_07-01-2026.csv")
    _in(store, "ncci", "ccipra-v322r0.txt")
    _in(store, "icd10", "icd10cm-order-2026.txt")
    codes = ["97110", "M5450"]
    with store.transaction(SYSTEM, read_only=True) as tx:
        within = reference.reference_for(tx, codes, [date(2026, 7, 1), date(2026, 9, 30)])
        assert within.limits is not None
        assert within.diagnoses is not None
        assert [each.units for each in within.limits] == [6]
        assert [(each.code, each.billable) for each in within.diagnoses] == [("M5450", True)]
        assert within.pairs == (), "imported, and these codes have no pair"
        before = reference.reference_for(tx, codes, [date(2026, 6, 30)])
        assert (before.limits, before.pairs) == (None, ()), "the pairs' file has all days past, the limits' has not"
        after = reference.reference_for(tx, codes, [date(2026, 9, 30), date(2026, 10, 1)])
        assert (after.limits, after.pairs, after.diagnoses) == (None, None, None)


def test_the_same_files_again_change_nothing(store: Store) -> None:
    first = _in(store, "mue", "MCR_MUE_PractitionerServices_Eff_07-01-2026.csv")
    again = _in(store, "mue", "MCR_MUE_PractitionerServices_Eff_07-01-2026.csv")
    assert again.known is not None
    assert again.known.id == first.file
    with store.transaction(SYSTEM) as tx:
        assert len(tx.reference.releases()) == 1
        (given,) = tx.inputs.list(name="tables_import")
        assert (given.content["kind"], given.content["new"], given.content["release"]) == ("mue", 4, first.file)


def test_releases_come_in_the_order_of_their_days(store: Store) -> None:
    _in(store, "icd10", "icd10cm-order-2027.txt")
    with pytest.raises(GatewayError, match="a release from 2026-10-01 on is in already"):
        _in(store, "icd10", "icd10cm-order-2026.txt")


def test_a_name_that_says_no_day_needs_one(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "limits.csv"
    copy.write_bytes((SAMPLES / "MCR_MUE_PractitionerServices_Eff_07-01-2026.csv").read_bytes())
    with pytest.raises(GatewayError, match="does not say from which day") as raised:
        reference.read("mue", [copy], starts_on=None, whole=False, today=TODAY)
    assert "--starts-on" in raised.value.fix
    assert reference.read("mue", [copy], starts_on=date(2026, 7, 1), whole=False, today=TODAY).ends_on == date(
        2026, 9, 30
    )


def test_a_reason_is_told_in_the_imported_list_s_words_of_its_day(store: Store) -> None:
    with store.transaction(SYSTEM, read_only=True) as tx:
        ours = reference.meaning(tx, "carc", "197")
    assert ours
    _in(store, "carc", "carc.csv")
    with store.transaction(SYSTEM, read_only=True) as tx:
        assert reference.meaning(tx, "carc", "197", TODAY) == "Sample text of our own for 197"
        assert reference.meaning(tx, "carc", "199", date(2026, 6, 30)) == "Sample text of our own for 199"
        assert reference.meaning(tx, "carc", "1") == "Sample text of our own, one"
        assert reference.meaning(tx, "rarc", "ZZ9") == ""


@on_sqlite
def test_claims_that_are_not_sent_yet_are_named_where_their_codes_change(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    stage = on_stage(store, clock, tmp_path)
    stage.submit(request_json(), claim_json())
    day = date.fromisoformat(claim_json()["lines"][0]["served_on"])
    code = claim_json()["lines"][0]["procedure"]
    table = tmp_path / "limits.csv"
    head = "HCPCS/CPT Code,Practitioner Services MUE Values,MUE Adjudication Indicator,MUE Rationale\n"
    table.write_text(f"{head}{code},6,3 x,\n97799,1,1 x,\n")
    for first, touched in ((day, True), (date(day.year + 1, 1, 1), False)):
        release = reference.read("mue", [table], starts_on=first, whole=False, today=day)
        with stage.reading() as tx:
            report = reference.compare(tx, release)
        assert [each.codes for each in report.touched] == ([(code,)] if touched else [])
        if touched:
            assert report.touched[0].state in reference.OPEN


def test_tables_by_command(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", played.config]
    file = str(SAMPLES / "icd10cm-order-2026.txt")
    assert run(["tables", "diff", "icd10", file, *config]) == 0
    told = capsys.readouterr().out
    assert "6 new, 0 ended, 0 changed, 0 mended, 0 the same" in told
    assert "Nothing was written" in told
    assert run(["tables", "import", "icd10", file, "--json", *config]) == 0
    imported = json.loads(capsys.readouterr().out)
    assert (imported["starts_on"], imported["ends_on"], len(imported["new"])) == ("2025-10-01", "2026-09-30", 6)
    assert run(["tables", "import", "icd10", file, *config]) == 0
    assert "This was imported already" in capsys.readouterr().out
    assert run(["tables", "list", "--json", *config]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["kind"], each["rows"]) for each in listed["releases"]] == [("icd10", 6)]
    assert "ncci" in listed["lacking"]
    assert run(["tables", "list", *config]) == 0
    assert "icd10cm-order-2026.txt" in capsys.readouterr().out
    assert run(["tables", "diff", "cpt", file, *config]) == 2
    assert "there is no table cpt" in capsys.readouterr().err


def test_what_is_wrong_with_a_file_is_told_by_the_command(
    played: Played, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bad = tmp_path / "MCR_MUE_PractitionerServices_Eff_07-01-2026.csv"
    head = "HCPCS/CPT Code,Practitioner Services MUE Values,MUE Adjudication Indicator,MUE Rationale\n"
    bad.write_text(head + "9711,six,3,\n")
    assert run(["tables", "import", "mue", str(bad), "--config", played.config]) == 2
    told = capsys.readouterr().err
    assert f"{bad.name} line 2, column 1: there is no code of five characters" in told
    assert f"{bad.name} line 2, column 2: the MUE value is no whole number" in told
