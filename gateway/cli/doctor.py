"""``doctor``: everything that the gateway needs, looked at one by one, each with what to mend."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gateway.cli.output import emit
from gateway.errors import GatewayError, SettingsInvalid, Severity
from gateway.settings import PolicyRow, Settings

MAPS = ("278_request", "278_response", "837p", "835", "999", "277ca")
FREE_BYTES_MIN = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. ``fix`` is empty where it is well."""

    name: str
    ok: bool
    what: str
    fix: str = ""


def examine(config: Path | None, *, as_json: bool) -> int:
    """1 where something is to be mended."""
    checks = list(_checks(config))
    shown = [{"check": each.name, "ok": each.ok, "what": each.what, "fix": each.fix} for each in checks]
    lines = [
        f"{'ok  ' if each.ok else 'FAIL'}  {each.name}: {each.what}{'. ' + each.fix if each.fix else ''}"
        for each in checks
    ]
    emit(shown, "\n".join(lines), as_json=as_json)
    return 0 if all(each.ok for each in checks) else 1


def _checks(config: Path | None) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check(name="python", ok=sys.version_info >= (3, 11), what=version)
    try:
        settings = Settings.load(config)
    except SettingsInvalid as error:
        for each in error.findings:
            yield Check(name="configuration", ok=False, what=f"{each.where}: {each.what}", fix=each.fix)
        return
    yield Check(
        name="configuration",
        ok=True,
        what=f"{settings.file}, trading partners: {', '.join(settings.partners) or 'none'}",
    )
    yield from _policies(settings)
    yield from _store(settings)
    if settings.data.is_dir():
        yield _disk(settings)
    yield from _maps()
    yield from _rules()
    yield from _certificates(settings)
    stands = _traffic(settings)
    for partner in settings.partners.values():
        kind, reason = stands.get(partner.name, ("", ""))
        if kind == "refused":
            what = "it refused us; nobody knocks again until a person has looked"
            fix = f"gateway tasks says why; then gateway partner resume {partner.name}"
            yield Check(name=f"partner {partner.name}", ok=False, what=what, fix=fix)
            continue
        if kind == "resting":
            fix = "One attempt is made from time to time; what the next line says may be mended before"
            yield Check(name=f"partner {partner.name}", ok=False, what=f"it rests: {reason}", fix=fix)
        if partner.enabled:
            yield from _mailbox(settings, partner.name)


def _traffic(settings: Settings) -> dict[str, tuple[str, str]]:
    """The partners that traffic is halted with (one more refused login locks an account), and those that rest."""
    from gateway.app import open_house

    try:
        house = open_house(settings)
    except GatewayError:
        return {}
    with house.reading() as tx:
        found = {
            each.subject: (each.kind, each.reason)
            for kind in ("resting", "refused")
            for each in tx.tasks.list(kind=kind)
        }
    house.store.dispose()
    return found


def _policies(settings: Settings) -> Iterator[Check]:
    from gateway import rules
    from gateway.flow.house import utc_now

    book, known = settings.policies, set(rules.names())
    for file, each in book.files.items():
        unknown = sorted({rule for row in (each, *each.rows) for rule in row.severities} - known)
        if unknown:
            fix = f"Rules are {', '.join(rules.names())}"
            yield Check(name=f"policy {file}", ok=False, what=f"no rule is called {', '.join(unknown)}", fix=fix)
    today = utc_now().date()
    for payer in dict.fromkeys(each.id for partner in settings.partners.values() for each in partner.payers):
        own = [row for row in book.rows(payer) if row.payer]
        held = [row for row in own if (row.starts_on or today) <= today <= (row.ends_on or today)]
        if own and not held:
            fix = "Add a row for the days after them, or take the end (to = ...) of the last one out"
            yield Check(name=f"policy {payer}", ok=False, what="none of its rows holds today", fix=fix)
        elif not own:
            fix = "Copy trading_partners/payers/_example.toml, so that the checks know what it asks for"
            yield Check(name=f"policy {payer}", ok=True, what="it has no file, its checks are not evaluated", fix=fix)
        else:
            yield Check(name=f"policy {payer}", ok=True, what=_held(len(held), len(own), held, today))


def _held(holding: int, all_rows: int, rows: list[PolicyRow], today: date) -> str:
    """How many rows hold, and since when nobody has looked where the oldest of them is written."""
    looked = [row.verified_on for row in rows if row.verified_on]
    since = f"; last verified {(today - min(looked)).days} days ago" if looked else "; never verified"
    return f"{holding} of {all_rows} rows hold today{since}"


def _store(settings: Settings) -> Iterator[Check]:
    from gateway.app import open_house

    try:
        house = open_house(settings)
    except GatewayError as error:
        yield Check(name="database", ok=False, what=error.what, fix=error.fix)
        return
    with house.reading() as tx:
        counts = tx.jobs.counts()
        findings = tx.books.check()
        waiting = len(tx.tasks.list(open=True))
    yield Check(name="database", ok=True, what=f"schema {house.store.revision()}")
    parked = counts.get("parked", 0)
    what = ", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "none"
    yield Check(
        name="jobs", ok=not parked, what=what, fix="gateway jobs shows them, --retry puts one back" if parked else ""
    )
    yield Check(name="ledger", ok=not findings, what="both books balance" if not findings else str(findings[0]))
    yield Check(
        name="tasks", ok=True, what=f"{waiting} waiting for a person", fix="gateway tasks shows them" if waiting else ""
    )
    house.store.dispose()


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.data).free
    ok = free >= FREE_BYTES_MIN
    return Check(
        name="disk", ok=ok, what=f"{free // 1_000_000} MB free", fix="" if ok else "Make room before it is full"
    )


def _maps() -> Iterator[Check]:
    from gateway.translate import maps

    for name in MAPS:
        try:
            maps.load(name)
        except GatewayError as error:
            yield Check(name=f"map {name}", ok=False, what=error.what, fix=error.fix)
    yield Check(name="maps", ok=True, what=", ".join(MAPS))


def _rules() -> Iterator[Check]:
    """Code lists, the places where they hold, and situational rules: each mistake of a file is a line of its own."""
    from gateway.x12 import places, situations

    for load in (places.load, situations.load):
        try:
            load("")  # Reads every file, whichever guide is asked for.
        except GatewayError as error:
            for each in error.findings:
                yield Check(name="rules", ok=False, what=each.reason, fix=each.fix)
            return
    yield Check(name="rules", ok=True, what="code lists, their places and situational rules can be read")


def _certificates(settings: Settings) -> Iterator[Check]:
    """Those of AS2, ours and the partners': whether each can be used, and for how long."""
    from gateway.flow import as2_agreed
    from gateway.flow.house import utc_now

    at = utc_now()
    found = as2_agreed.own_findings(settings, at)
    for partner in as2_agreed.as2_partners(settings):
        found += as2_agreed.findings(settings, partner, at)
    for each in dict.fromkeys(found):
        ok = each.severity is Severity.WARN
        yield Check(name="certificates", ok=ok, what=each.reason, fix=each.fix)
    if settings.as2 is not None and not found:
        yield Check(name="certificates", ok=True, what="each of AS2 can be used, and for a month at least")


def _mailbox(settings: Settings, name: str) -> Iterator[Check]:
    from gateway.flow.partners import mailbox

    try:
        with mailbox(settings, settings.partners[name]) as transport:
            failed = [each for each in transport.probe() if not each.ok]
    except GatewayError as error:
        yield Check(name=f"partner {name}", ok=False, what=error.reason, fix=error.fix)
        return
    what = "its mailbox opens" if not failed else f"{failed[0].step}: {failed[0].words}"
    yield Check(
        name=f"partner {name}",
        ok=not failed,
        what=what,
        fix="" if not failed else f"Each step: gateway partner test {name}",
    )
