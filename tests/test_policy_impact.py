"""What a changed policy file would change, seen before it holds; and policies as tables that come back as they were."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import Stage, claim_json, on_sqlite, on_stage, request_json
from hypothesis import given
from hypothesis import strategies as st
from policy_samples import CHECKOUT, SAMPLES, Configuration
from test_policies import EVERY

from gateway.cli.main import run
from gateway.cli.policies import show_impact
from gateway.flow.policy_impact import impact
from gateway.settings import PolicyFile, Settings
from gateway.settings.policy_tables import COLUMNS, differences, file_rows, from_csv, to_csv, to_toml
from gateway.store import Store

POLICY = (CHECKOUT / "trading_partners" / "payers" / "simulated.toml").read_text()


def read(text: str) -> PolicyFile:
    return PolicyFile.model_validate(tomllib.loads(text))


# What would fare differently.


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def changed(stage: Stage, *pairs: tuple[str, str], more: str = "") -> Path:
    """The simulated payer's file with each old text replaced by a new one, beside the configuration."""
    text = POLICY
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file = stage.folder / "new.toml"
    file.write_text(text + more)
    return file


def config(stage: Stage) -> Path:
    return stage.folder / "conf" / "gateway.toml"


def looked(stage: Stage, file: Path) -> dict[str, tuple[str, str, list[str], list[str]]]:
    """By subject: what would become of it before and after, and the rules that would say more and less."""
    found = impact(stage.house, Settings.load(config(stage), policy=file).policies)
    return {
        each.subject: (
            each.before,
            each.after,
            sorted({one.rule for one in each.gained}),
            sorted({one.rule for one in each.lost}),
        )
        for each in found.affected
        if each.differs
    }


def everything(stage: Stage) -> Any:
    with stage.reading() as tx:
        return (
            [(each.id, each.state, each.version) for each in tx.authorizations.list()],
            [(each.id, each.state, each.version) for each in tx.claims.list()],
            [each.id for each in tx.tasks.list()],
            len(stage.written()),
        )


def test_a_held_claim_goes_and_one_that_would_have_gone_is_held(stage: Stage) -> None:
    """7.2: a diff and retro-impact report when a row changes."""
    stage.certified()
    lines = [{**claim_json()["lines"][0], "modifiers": ["GO"]}]
    stage.submit(claim_json(1, lines=lines))
    stage.work()
    stage.submit(claim_json(2, authorization_ref="ACCT-31337-A1", served_on="2026-03-01"))
    held, accepted = stage.claim(1), stage.claim(2)
    assert (held.state, accepted.state) == ("held", "accepted")
    before = everything(stage)
    either = looked(stage, changed(stage, ('required_modifiers = ["GP"]', 'required_modifiers = ["GO"]')))
    assert either[held.id][3] == ["therapy_modifier"]
    assert either[accepted.id] == ("written", "held", ["therapy_modifier"], [])
    assert everything(stage) == before


def test_a_file_that_says_the_same_changes_nothing(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json(1))
    found = impact(stage.house, Settings.load(config(stage), policy=changed(stage)).policies)
    assert (found.looked, found.affected) == (2, ())


@on_sqlite
def test_an_open_authorization_that_is_counted_otherwise_fares_differently(stage: Stage) -> None:
    stage.certified()
    asked = stage.request()
    file = changed(stage, ('unit = "visit"', 'unit = "unit"'))
    (found,) = impact(stage.house, Settings.load(config(stage), policy=file).policies).affected
    assert (found.subject, found.kind, found.differs) == (asked.id, "authorization", True)
    assert found.values == {"unit": ("visit", "unit")}
    assert found.row == "new.toml"


@on_sqlite
def test_a_claim_that_waits_for_its_authorization_is_looked_at_all_the_same(stage: Stage) -> None:
    stage.submit(request_json())
    stage.work()
    stage.submit(claim_json(1))
    stage.work()
    waiting = stage.claim(1)
    assert waiting.state == "waiting"
    file = changed(stage, ('required_modifiers = ["GP"]', 'required_modifiers = ["GO"]'))
    assert looked(stage, file)[waiting.id] == ("waiting", "waiting", ["therapy_modifier"], [])


@on_sqlite
def test_a_row_that_begins_later_touches_no_earlier_day(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json(1))
    text = "\n[[rows]]\nfrom = {}\nrequired_modifiers = ['GO']\n"
    assert looked(stage, changed(stage, more=text.format("2026-03-01"))) != {}
    assert looked(stage, changed(stage, more=text.format("2027-03-01"))) == {}


@on_sqlite
def test_what_was_sent_or_never_leaves_any_more_is_not_looked_at(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json(1))
    stage.work()
    assert stage.claim(1).state == "sent"
    file = changed(stage, ('required_modifiers = ["GP"]', 'required_modifiers = ["GO"]'))
    assert stage.claim(1).id not in looked(stage, file)


@on_sqlite
def test_the_command_shows_rows_and_records_and_says_what_to_do(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.certified()
    stage.submit(claim_json(1))
    file = changed(stage, ('required_modifiers = ["GP"]', 'required_modifiers = ["GO"]'))
    assert show_impact(stage.house, config(stage), file, as_json=False, every=False) == 1
    shown = capsys.readouterr().out
    assert "required_modifiers: GP -> GO" in shown
    assert "+ block therapy_modifier" in shown
    assert "by new.toml" in shown
    assert "Nothing was changed" in shown
    assert show_impact(stage.house, config(stage), file, as_json=True, every=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["differs"] == 1
    assert {each["kind"] for each in told["records"]} == {"authorization", "claim"}
    assert show_impact(stage.house, config(stage), changed(stage), as_json=False, every=False) == 0


# Tables.

FILES = {
    "every": f'payer = "P1"\nversion = "3"\nverified_on = 2026-01-02\n{EVERY}'
    f'[[rows]]\nfrom = 2026-01-01\nplan = "Gold"\nline_of_business = ["chip", "va"]\nstate = "NY"\n{EVERY}',
    "rows alone": 'payer = "P1"\n[[rows]]\nfree_visits = 0\n[[rows]]\nplan = "10"\nrequired_modifiers = []\n',
    "nothing": 'payer = "P1"\n',
    "awkward": 'payer = "P1"\nname = "Say \\"yes\\", they do"\num_vendor = "278"\nchannel = "278"\nversion = "7"\n',
    **{each.stem: each.read_text() for each in SAMPLES.glob("*.toml")},
    "defaults": (CHECKOUT / "trading_partners" / "payers" / "defaults.toml").read_text(),
    "example": (CHECKOUT / "trading_partners" / "payers" / "_example.toml").read_text(),
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file_comes_back_from_its_table_and_from_its_toml(text: str) -> None:
    file = read(text)
    document, _, findings = from_csv(to_csv(file), "x.csv")
    assert findings == []
    assert PolicyFile.model_validate(document) == file
    assert read(to_toml(file)) == file
    assert list(differences(file_rows(file), file_rows(read(to_toml(file))))) == []


@given(
    st.lists(
        st.fixed_dictionaries(
            {"mue": st.booleans()},
            optional={
                "plan": st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8).map(str.strip),
                "free_visits": st.integers(0, 99),
                "required_modifiers": st.lists(st.sampled_from(["GP", "GO"]), max_size=2),
                "pos_scope": st.lists(st.sampled_from(["11", "22"]), max_size=2),
                "retro_days": st.sampled_from(["1 business day", "14 calendar days"]),
                "number_pattern": st.sampled_from(["", "true", "12", 'A"[0-9]+;,']),
                "from": st.dates().map(str),
            },
        ),
        max_size=4,
    )
)
def test_any_rows_come_back_from_their_table(rows: list[dict[str, Any]]) -> None:
    file = PolicyFile.model_validate({"payer": "P1", "rows": rows})
    document, _, findings = from_csv(to_csv(file), "x.csv")
    assert findings == []
    assert PolicyFile.model_validate(document) == file
    assert read(to_toml(file)) == file


def test_a_table_shows_only_the_columns_that_something_stands_in() -> None:
    header, *lines = to_csv(read(FILES["rows alone"])).splitlines()
    assert header == "kind,payer,row,plan,free_visits,required_modifiers"
    assert lines == ["payer,P1,1,,0,", "payer,P1,2,10,,[]"]
    assert set(header.split(",")) <= set(COLUMNS)


def test_what_differs_is_told_by_row_and_value() -> None:
    before = read(
        'payer = "P1"\n[[rows]]\nplan = "Gold"\nfree_visits = 6\nmue = true\n[[rows]]\nstate = "NY"\nmue = true\n'
    )
    after = read(
        'payer = "P1"\n[[rows]]\nplan = "gold"\nto = 2026-12-31\nfree_visits = 12\nmue = true\n'
        '[[rows]]\nplan = "gold"\nfrom = 2027-01-01\nfree_visits = 0\n'
    )
    found = {
        each.selectors: (each.before is None, each.after is None, {name: pair[1] for name, pair in each.values.items()})
        for each in differences(file_rows(before), file_rows(after))
    }
    assert {key: value[:2] for key, value in found.items()} == {
        "payer P1; plan gold; to 2026-12-31": (False, False),
        "payer P1; NY": (False, True),
        "payer P1; plan gold; from 2027-01-01": (True, False),
    }
    assert list(found["payer P1; plan gold; to 2026-12-31"][2]) == ["free_visits", "to"]


# Commands.


@pytest.fixture
def house(tmp_path: Path) -> Configuration:
    return Configuration(tmp_path, "P1")


def test_explain_names_the_row_that_won_and_those_that_lost(
    house: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    house.policy("p1", 'payer = "P1"\nfree_visits = 3\nversion = "9"\n[[rows]]\nplan = "Gold"\nfree_visits = 6\n')
    arguments = ["policy", "explain", "P1", "--plan", "Gold", "--on", "2026-03-02", "--config", str(house.file)]
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "plan Gold" in shown
    won, _, lost = shown.partition("not 3")
    assert "trading_partners/payers/p1.toml, row 1 (version 9) [payer P1; plan Gold]" in won
    assert "trading_partners/payers/p1.toml (version 9) [payer P1]" in lost
    assert "not known: um_vendor, channel, requires_authorization" in shown
    assert run([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["values"]["free_visits"]
    assert (told["value"], [each["value"] for each in told["lost"]]) == (6, [3])


def test_explain_says_that_nothing_holds(house: Configuration, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "explain", "NOBODY", "--config", str(house.file)]) == 1
    assert "not known: um_vendor" in capsys.readouterr().out
    assert run(["policy", "explain", "P1", "--on", "soon", "--config", str(house.file)]) == 2
    assert "Write it as YYYY-MM-DD" in capsys.readouterr().err


def test_a_table_is_looked_at_written_and_then_holds(house: Configuration, capsys: pytest.CaptureFixture[str]) -> None:
    house.policy("p1", 'payer = "P1"\nfree_visits = 3\n')
    table = house.folder / "edited.csv"
    table.write_text("payer,row,plan,free_visits,pos_scope\nP1,0,,3,\nP1,1,Gold,6,11;22\n")
    end = ["--config", str(house.file)]
    assert run(["policy", "diff", str(table), *end]) == 1
    assert "added: payer P1; plan Gold" in capsys.readouterr().out
    assert run(["policy", "import", str(table), *end]) == 0
    assert 'pos_scope = ["11", "22"]' in capsys.readouterr().out
    assert house.load().policies.rows("P1")[0].number == 0
    assert len([row for row in house.load().policies.rows("P1") if row.payer]) == 1
    assert run(["policy", "import", str(table), "--write", *end]) == 0
    assert "trading_partners/payers/p1.toml" in capsys.readouterr().err
    assert len([row for row in house.load().policies.rows("P1") if row.payer]) == 2
    assert run(["policy", "diff", str(table), *end]) == 0
    capsys.readouterr()
    assert run(["policy", "export", "P1", *end]) == 0
    assert capsys.readouterr().out == (
        "kind,payer,row,plan,pos_scope,free_visits\npayer,P1,0,,,3\npayer,P1,1,Gold,11;22,6\n"
    )


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("payer,row,free_visit\nP1,1,6\n", "edited.csv, line 1, column free_visit: there is no such column"),
        ("payer,row,free_visits\nP1,0,3\nP1,1,many\n", "edited.csv, line 3, rows[0].free_visits: this must be a whole"),
        ("payer,row,mue\nP1,1,true\nP2,2,true\n", "edited.csv, line 3, payer: this differs from the first row"),
        ("payer,row,mue\nP1,1,true\nP1,2,false\n", "edited.csv, line 3, rows[1].mue: row 1 says this, too"),
        ("payer,row,mue\nGHOST,1,true\n", "edited.csv, line 1, payer: no partner serves payer GHOST"),
        ("payer,row,mue\nP1,1,true,more\n", "edited.csv, line 2: the row has more cells"),
        ("", "edited.csv: the table is empty"),
    ],
)
def test_a_mistake_in_a_table_is_told_with_its_line(
    house: Configuration, capsys: pytest.CaptureFixture[str], table: str, expected: str
) -> None:
    file = house.folder / "edited.csv"
    file.write_text(table)
    assert run(["policy", "import", str(file), "--write", "--config", str(house.file)]) == 2
    assert expected in capsys.readouterr().err
    assert not (house.folder / "trading_partners" / "payers" / "edited.toml").exists()


def test_a_law_is_exported_and_replaced_by_its_files_name(
    house: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    law = (SAMPLES / "washington_law.toml").read_text()
    house.policy("washington_law", law)
    end = ["--config", str(house.file)]
    assert run(["policy", "export", "washington_law", "--toml", *end]) == 0
    new = house.write("new/washington_law.toml", capsys.readouterr().out.replace("free_visits = 6", "free_visits = 7"))
    assert run(["policy", "diff", str(new), *end]) == 1
    assert "free_visits: 6 -> 7" in capsys.readouterr().out
    assert run(["policy", "export", "nothing", *end]) == 2
    assert "Name one of SIM01, washington_law, defaults" in capsys.readouterr().err


def test_doctor_tells_a_rule_that_is_none_and_rows_that_are_over(
    house: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    house.policy("p1", 'payer = "P1"\n[[rows]]\nto = 2020-01-01\nmue = true\nseverities = { nonsense = "warn" }\n')
    run(["doctor", "--config", str(house.file), "--json"])
    told = {each["check"]: each for each in json.loads(capsys.readouterr().out)}
    assert told["policy trading_partners/payers/p1.toml"]["what"] == "no rule is called nonsense"
    assert (told["policy P1"]["ok"], told["policy P1"]["what"]) == (False, "none of its rows holds today")
    assert told["policy SIM01"]["ok"]
    assert "1 of 1 rows hold today" in told["policy SIM01"]["what"]
