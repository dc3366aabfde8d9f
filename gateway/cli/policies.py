"""``policy``: which row says what and why, what a changed file would change, and policies as tables."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from gateway import resources
from gateway.cli.output import emit, say
from gateway.errors import GatewayError
from gateway.flow.house import House, utc_now
from gateway.flow.policy_impact import Affected, impact
from gateway.rules.policy_rows import applying, contested
from gateway.settings import PolicyFile, PolicyRow, Settings
from gateway.settings.policies import VALUES
from gateway.settings.policy_tables import (
    Difference,
    differences,
    file_rows,
    selectors,
    shown_value,
    to_csv,
    to_toml,
)


def explain(
    settings: Settings, payer: str, *, plan: str, line_of_business: str, state: str, on: str, as_json: bool
) -> int:
    """Shows each value with the rows that won and lost it; ``on`` is a day, "" today. 1 where no row holds."""
    day = _day(on)
    held = applying(
        settings.policies.rows(payer),
        payer=payer,
        day=day,
        plan=plan,
        line_of_business=line_of_business,
        state=state,
    )
    values = {
        name: [{"value": _plain(row.values[name]), "row": row.named, "holds_for": selectors(row)} for row in claimants]
        for name, claimants in contested(held).items()
    }
    unknown = [name for name in VALUES if name not in values and name != "severities"]
    asked = {"payer": payer, "plan": plan, "line_of_business": line_of_business, "state": state, "on": day.isoformat()}
    shown = {
        **asked,
        "rows": [row.named for row in held],
        "values": {name: {**each[0], "lost": each[1:]} for name, each in values.items()},
        "not_known": unknown,
    }
    emit(shown, "\n".join(_explained(asked, held, unknown)), as_json=as_json)
    return 0 if held else 1


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written) if written else utc_now().date()
    except ValueError:
        raise GatewayError("this is no day", where="--on", fix="Write it as YYYY-MM-DD") from None


def _explained(asked: dict[str, str], held: tuple[PolicyRow, ...], unknown: list[str]) -> Iterator[str]:
    yield ", ".join(f"{name.replace('_', ' ')} {value or 'not known'}" for name, value in asked.items())
    for name, claimants in contested(held).items():
        for position, row in enumerate(claimants):
            value = shown_value(row.values[name])
            yield f"{name if not position else '':<26} {value if not position else f'not {value}'}"
            yield f"{'':<30} {row.named} [{selectors(row)}]"
    yield f"not known: {', '.join(unknown) or 'nothing'}"


def show_impact(house: House, config: Path | None, file: Path, *, as_json: bool, every: bool) -> int:
    """Shows what would fare differently under a changed file. 1 where something would."""
    changed = Settings.load(config, policy=file)
    found = impact(house, changed.policies)
    shown = [each for each in found.affected if every or each.differs]
    differs = sum(each.differs for each in found.affected)
    rows = list(_changed_rows(house.settings, changed, file))
    told = {
        "looked_at": found.looked,
        "another_policy": len(found.affected),
        "differs": differs,
        "rows": [_difference(each) for each in rows],
        "records": [_affected(each) for each in shown],
    }
    lines = [
        *(line for each in rows for line in _difference_lines(each)),
        *(line for each in shown for line in _affected_lines(each)),
        f"{found.looked} open authorizations and claims not sent were looked at: another policy would hold for "
        f"{len(found.affected)}, {differs} would fare differently. Nothing was changed",
    ]
    emit(told, "\n".join(lines), as_json=as_json)
    return 1 if differs else 0


def show_differences(settings: Settings, config: Path | None, file: Path, *, as_json: bool) -> int:
    """Shows which rows a changed file adds, takes out and changes. 1 where there are any."""
    rows = list(_changed_rows(settings, Settings.load(config, policy=file), file))
    words = [line for each in rows for line in _difference_lines(each)] or ["The rows are the same."]
    emit([_difference(each) for each in rows], "\n".join(words), as_json=as_json)
    return 1 if rows else 0


def export(settings: Settings, payer: str, *, as_toml: bool) -> int:
    """Prints a payer's file, or the one of this name, as a table or as TOML."""
    found = _file(settings, payer)
    print((to_toml if as_toml else to_csv)(found[1]), end="")
    return 0


def take_in(settings: Settings, config: Path | None, file: Path, *, write: bool) -> int:
    """Prints a table or a file as the TOML of a policy file, or puts it in the place of the one that is there."""
    changed = Settings.load(config, policy=file)
    read = changed.policies.files[file.name]
    text = to_toml(read)
    if not write:
        print(text, end="")
        return 0
    if settings.file.is_relative_to(resources.folder("conf")) and config is None:
        fix = "Copy conf and trading_partners to a folder of your own, or name your file with --config"
        raise GatewayError("this is the shipped sample configuration", where=str(settings.file), fix=fix)
    target = settings.policy_folder / _replaced(settings, read, file)[0]
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.part")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(target)
    say(f"Written to {target}. It holds once the gateway starts again.")
    return 0


def _file(settings: Settings, wanted: str) -> tuple[str, PolicyFile]:
    for name, each in settings.policies.files.items():
        if each.payer == wanted or (not each.payer and Path(name).stem == wanted):
            return name, each
    known = (each.payer or Path(name).stem for name, each in settings.policies.files.items())
    raise GatewayError(f"there is no policy of {wanted}", where="policy", fix=f"Name one of {', '.join(known)}")


def _changed_rows(settings: Settings, changed: Settings, file: Path) -> Iterator[Difference]:
    after = changed.policies.files[file.name]
    return differences(file_rows(_replaced(settings, after, file)[1]), file_rows(after))


def _replaced(settings: Settings, read: PolicyFile, file: Path) -> tuple[str, PolicyFile | None]:
    """The file that one is read in place of: the one of its payer, or of its name; a new one where there is none."""
    for name, each in settings.policies.files.items():
        same = each.payer == read.payer if read.payer else Path(name).stem == file.stem
        if same:
            return Path(name).name, each
    return f"{file.stem}.toml", None


def _plain(value: Any) -> Any:
    return value.model_dump() if hasattr(value, "model_dump") else value


def _difference(each: Difference) -> dict[str, Any]:
    return {
        "row": each.selectors,
        "change": _change(each),
        "values": {name: [_plain(one) for one in pair] for name, pair in each.values.items()},
    }


def _change(each: Difference) -> str:
    return "added" if each.before is None else "taken out" if each.after is None else "changed"


def _difference_lines(each: Difference) -> Iterator[str]:
    yield f"{_change(each)}: {each.selectors}"
    for name, (before, after) in each.values.items():
        yield f"    {name}: {shown_value(before)} -> {shown_value(after)}"


def _affected(each: Affected) -> dict[str, Any]:
    return {
        "id": each.subject,
        "kind": each.kind,
        "state": each.state,
        "before": each.before,
        "after": each.after,
        "differs": each.differs,
        "gained": [finding.as_json() for finding in each.gained],
        "lost": [finding.as_json() for finding in each.lost],
        "values": {name: list(pair) for name, pair in each.values.items()},
        "row": each.row,
    }


def _affected_lines(each: Affected) -> Iterator[str]:
    becomes = f"{each.before} -> {each.after}" if each.before != each.after else f"{each.after} as before"
    yield f"{each.subject}  {each.kind}, {each.state}: {becomes}"
    for name, (before, after) in each.values.items():
        yield f"    {name}: {_word(before)} -> {_word(after)}"
    for sign, findings in (("+", each.gained), ("-", each.lost)):
        for finding in findings:
            yield f"    {sign} {finding.severity} {finding.rule}  {finding.where}: {finding.what}"
    yield f"    by {each.row}"


def _word(value: Any) -> str:
    """A value of a policy in words: a term and a benefit limit are not those of the file any more."""
    if hasattr(value, "counted"):
        return f"{value.days} {value.counted} days"
    if hasattr(value, "visits"):
        return f"{value.visits} visits, {value.period}"
    return shown_value(value)
