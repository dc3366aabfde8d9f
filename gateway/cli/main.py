"""The commands, each a few lines: open what is needed, ask, show. They decide nothing about documents or money."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.flow.house import House
    from gateway.settings import Settings

app = typer.Typer(
    name="gateway",
    help="Authorizations and claims between therapy practices and clearinghouses, tied together in one ledger.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
partner_app = typer.Typer(help="Trading partners: list them, test one, let traffic go on.", no_args_is_help=True)
as2_app = typer.Typer(help="AS2: make keys, look at messages.", no_args_is_help=True)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
policy_app = typer.Typer(
    help="Payers' policies: which row says what, what a changed file would change, policies as tables.",
    no_args_is_help=True,
)
authorization_app = typer.Typer(
    help="What a portal, fax or call told of an authorization: add it, correct its count, move what is left.",
    no_args_is_help=True,
)
app.add_typer(partner_app, name="partner")
app.add_typer(authorization_app, name="authorization")
app.add_typer(policy_app, name="policy")
app.add_typer(as2_app, name="as2")
app.add_typer(db_app, name="db")
tables_app = typer.Typer(help="Published tables: NCCI, MUE, ICD-10-CM, CARC, RARC.", no_args_is_help=True)
app.add_typer(tables_app, name="tables")
deposits_app = typer.Typer(help="What a bank says that payers paid, and the 835 of each.", no_args_is_help=True)
app.add_typer(deposits_app, name="deposits")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Write = Annotated[
    bool, typer.Option("--write/--no-write", help="Also write, read and remove a test file, or send a test message.")
]
JsonLines = Annotated[bool, typer.Option("--json", help="Print JSON for programs, a line for each.")]
Document = Annotated[Path, typer.Argument(help="An X12 file; - reads stdin.")]
Ack = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--ack", help="Write the TA1 and 999 that answer the file here; - writes them to stdout."),
]
AckNumber = Annotated[int, typer.Option(min=1, max=999_999_999, help="The first control number of what --ack writes.")]
Table = Annotated[str, typer.Argument(help="ncci, mue, icd10, carc or rarc.")]
Published = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, help="The file as published, or all parts of it.")
]
StartsOn = Annotated[
    Optional[datetime],  # noqa: UP045
    typer.Option("--starts-on", formats=["%Y-%m-%d"], help="From which day it holds; else as its name says."),
]
Day = Annotated[Optional[datetime], typer.Option(formats=["%Y-%m-%d"], help="A day, included.")]  # noqa: UP045
Whole = Annotated[bool, typer.Option("--all", help="Keep NCCI pairs with codes that are not therapy's, too.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="The latest so many.")]
Config = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads the annotation at run time and shows it as optional.
    typer.Option("--config", "-c", help="The configuration file; else GATEWAY_CONFIG, else conf/gateway.toml."),
]


PolicyPath = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A policy file: TOML, or CSV.")]
Ref = Annotated[str, typer.Argument(help="Your own number of this record; told again, it counts once.")]
Clinic = Annotated[str, typer.Option(help="ORGANISATION/CLINIC; need not be said where there is one.")]
Of = Annotated[str, typer.Option("--of", help="Your own number of the authorization that it is about.")]
Channel = Annotated[str, typer.Option(help="How the payer's word came: portal, fax, phone, mail, fhir, person.")]
Seen = Annotated[str, typer.Option("--seen", help="The day of it, YYYY-MM-DD.")]
Evidence = Annotated[str, typer.Option(help="The number of the call, fax or page.")]
Discipline = Annotated[str, typer.Option(help="GP, GO or GN.")]


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code; usage errors are told and give 2, too."""
    try:
        app(args=arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2 if end.code else 0
    except GatewayError as error:
        print(error, file=sys.stderr)
        for each in error.findings:
            if str(each) != str(error):
                print(f"  {each}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror}. Check its rights and the room on its disk", file=sys.stderr)
        return 2
    return 0


def _settings(config: Path | None) -> "Settings":
    from gateway import resources
    from gateway.settings import Settings

    settings = Settings.load(config)
    shipped = resources.folder("conf") / "gateway.toml"
    if config is None and settings.file == shipped and Path.cwd() != shipped.parent.parent:
        print("No conf/gateway.toml here: this is the shipped sample configuration.", file=sys.stderr)
    return settings


@contextmanager
def _house(config: Path | None) -> "Iterator[House]":
    from gateway import logs
    from gateway.app import open_house

    settings = _settings(config)
    logs.configure("warning", json=False)
    house = open_house(settings, actor="cli")
    try:
        yield house
    finally:
        house.store.dispose()


@app.command()
def serve(config: Config = None) -> None:
    """Run the gateway until SIGTERM: workers, pollers and the drop folder."""
    from gateway import logs
    from gateway.app import serve as run_service

    settings = _settings(config)
    logs.configure(settings.log.level, json=settings.log.json_lines)
    raise typer.Exit(run_service(settings))


@app.command()
def demo(
    as_json: Json = False,
    keep: Annotated[Optional[Path], typer.Option(help="Keep the demo's files in this folder.")] = None,  # noqa: UP045
    database: Annotated[str, typer.Option(help="A database of its own for the demo; else SQLite in its folder.")] = "",
) -> None:
    """Play the whole round trip against a simulated clearinghouse and payer, every scenario of it."""
    from gateway.cli.demo import play

    raise typer.Exit(play(as_json=as_json, keep=keep, database=database))


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="JSON, JSON Lines or CSV; - reads JSON or JSON Lines from stdin.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take authorization requests and claims in; every record is answered, good ones go on."""
    from gateway.cli.intake import submit_file

    with _house(config) as house:
        raise typer.Exit(submit_file(house, file, as_json=as_json))


@app.command()
def preview(
    file: Annotated[Path, typer.Argument(help="JSON, JSON Lines or CSV; - reads JSON or JSON Lines from stdin.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what would become of a file and all that the checks find in it; nothing is stored, nothing is sent."""
    from gateway.cli.previewing import preview_file

    with _house(config) as house:
        raise typer.Exit(preview_file(house, file, as_json=as_json))


@app.command()
def visit(
    ref: Ref,
    status: Annotated[str, typer.Argument(help="scheduled, took_place, cancelled or no_show.")],
    of: Of = "",
    on: Annotated[str, typer.Option(help="The day, YYYY-MM-DD.")] = "",
    discipline: Discipline = "",
    line: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="A service: 97110, or 97110:2 with units; repeatable."),
    ] = None,
    override: Annotated[str, typer.Option(help="Why it took place without authorization.")] = "",
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Book a visit, or say what became of one: what is known of it already need not be said again."""
    from gateway.cli import telling

    with _house(config) as house:
        record = telling.common(house, "visit", ref, clinic)
        record |= {"status": status, "authorization_ref": of, "served_on": on, "discipline": discipline}
        record = telling.visit(house, {**record, "override": override}, line or [])
        raise typer.Exit(telling.tell(house, record, as_json=as_json))


@authorization_app.command("add")
def authorization_add(
    ref: Ref,
    number: Annotated[str, typer.Option(help="The certification number.")],
    decided: Annotated[str, typer.Option(help="The day of the decision.")],
    start: Annotated[str, typer.Option("--from", help="The window's first day.")],
    end: Annotated[str, typer.Option("--to", help="The window's last day.")],
    channel: Channel,
    seen: Seen,
    visits: Annotated[Optional[int], typer.Option(help="Visits certified.")] = None,  # noqa: UP045
    units: Annotated[Optional[int], typer.Option(help="15-minute units certified.")] = None,  # noqa: UP045
    used: Annotated[int, typer.Option(help="What of it was used before you came.")] = 0,
    used_until: Annotated[str, typer.Option(help="Until when the used ones were counted.")] = "",
    discipline: Discipline = "",
    payer: Annotated[str, typer.Option(help="The payer's id; the patient is asked for.")] = "",
    request: Annotated[str, typer.Option(help="Your own number of the request that it answers.")] = "",
    reference: Evidence = "",
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Enter an authorization that the payer gave by portal, fax or phone."""
    from gateway.cli import telling

    with _house(config) as house:
        record = telling.common(house, "certification", ref, clinic)
        record |= {"number": number, "decided_on": decided, "starts_on": start, "ends_on": end, "request_ref": request}
        record |= {"used_before": used or None, "used_until": used_until, "visits": visits, "units": units}
        record |= {"discipline": discipline, "payer": payer, "patient": {} if request else telling.patient()}
        record["evidence"] = telling.evidence(channel, seen, reference)
        raise typer.Exit(telling.tell(house, record, as_json=as_json))


@authorization_app.command("informed")
def authorization_informed(
    of: Annotated[str, typer.Argument(help="Your own number of the pended request.")],
    channel: Channel,
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Note that what the payer asked for was sent beside the 278: it decides again, and its clock runs on."""
    from gateway.cli.informing import informed

    with _house(config) as house:
        raise typer.Exit(informed(house, of, channel, clinic, as_json=as_json))


@authorization_app.command("correct")
def authorization_correct(
    ref: Ref,
    of: Of,
    channel: Channel,
    seen: Seen,
    total: Annotated[Optional[int], typer.Option(help="What the payer certified in all.")] = None,  # noqa: UP045
    remaining: Annotated[Optional[int], typer.Option(help="What the payer says is left.")] = None,  # noqa: UP045
    end: Annotated[str, typer.Option("--to", help="The window's new last day.")] = "",
    discipline: Discipline = "",
    reference: Evidence = "",
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take the payer's count over, up or down, or a window's new end."""
    from gateway.cli import telling

    with _house(config) as house:
        record = telling.common(house, "correction", ref, clinic)
        record |= {"authorization_ref": of, "total": total, "remaining": remaining, "ends_on": end}
        record |= {"discipline": discipline, "evidence": telling.evidence(channel, seen, reference)}
        raise typer.Exit(telling.tell(house, record, as_json=as_json))


@authorization_app.command("transfer")
def authorization_transfer(
    ref: Ref,
    of: Of,
    to: Annotated[str, typer.Option(help="Your own number of the authorization that it goes to.")],
    reason: Annotated[str, typer.Option(help="plan_change or continuity.")],
    channel: Channel,
    seen: Seen,
    amount: Annotated[Optional[int], typer.Option(help="How much; else all that is free.")] = None,  # noqa: UP045
    discipline: Discipline = "",
    reference: Evidence = "",
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Move what is left of an authorization to another of the same patient."""
    from gateway.cli import telling

    with _house(config) as house:
        record = telling.common(house, "transfer", ref, clinic)
        record |= {"authorization_ref": of, "to_ref": to, "reason": reason, "amount": amount}
        record |= {"discipline": discipline, "evidence": telling.evidence(channel, seen, reference)}
        raise typer.Exit(telling.tell(house, record, as_json=as_json))


@app.command()
def trace(
    id: Annotated[str, typer.Argument(help="Our id, the clinic's own number, or any number we or a payer gave.")],
    evidence: Annotated[bool, typer.Option(help="Write a timely-filing pack of the case as a zip instead.")] = False,
    to: Annotated[Path, typer.Option(help="The folder that the pack is written into.")] = Path(),
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show all that hangs together with a number: cases with every step, payments, deposits, documents, matches."""
    from gateway.cli.tracing import show_trace, write_evidence

    with _house(config) as house:
        if evidence:
            raise typer.Exit(write_evidence(house, id, to, as_json=as_json))
        raise typer.Exit(show_trace(house, id, as_json=as_json))


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="Which report; without a name they are listed.")] = "",
    form: Annotated[str, typer.Option("--format", help="table, csv, json, or columns for a Parquet writer.")] = "table",
    row: Annotated[str, typer.Option(help="Show the entries behind this row instead, by its first column.")] = "",
    payer: Annotated[str, typer.Option(help="Of this payer alone.")] = "",
    organisation: Annotated[str, typer.Option(help="Of this organisation alone.")] = "",
    clinic: Annotated[str, typer.Option(help="Of this clinic of the organisation alone.")] = "",
    since: Day = None,
    until: Day = None,
    days: Annotated[int, typer.Option(min=0, help="expiring: ends within so many days.")] = 14,
    visits: Annotated[int, typer.Option(min=0, help="low: at most so many visits left.")] = 2,
    units: Annotated[int, typer.Option(min=0, help="low: fewer than so many units left.")] = 10,
    config: Config = None,
) -> None:
    """Show a report: what is left, expires, pends, was denied, waits for a person ...; --row follows a number."""
    from gateway.cli.reporting import show_report

    asked = {
        "payer": payer,
        "since": since.date() if since else None,
        "until": until.date() if until else None,
        "days": days,
        "visits": visits,
        "units": units,
    }
    with _house(config) as house:
        owner = (organisation, clinic)
        raise typer.Exit(show_report(house, name, form=form, row=row, owner=owner, **asked))


@app.command()
def ledger(
    authorization: Annotated[str, typer.Argument(help="One authorization, by any of its numbers; else all.")] = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what every authorization granted, holds and has used, and the money book; check that both balance."""
    from gateway.cli.looking import show_ledger

    with _house(config) as house:
        raise typer.Exit(show_ledger(house, authorization, as_json=as_json))


@app.command()
def replay(as_json: Json = False, config: Config = None) -> None:
    """Do everything that was stored again, from empty and beside the books, and compare: both must be the same."""
    from gateway.cli.replaying import show_replay

    with _house(config) as house:
        raise typer.Exit(show_replay(house, as_json=as_json))


@app.command()
def tasks(as_json: Json = False, config: Config = None) -> None:
    """Show what waits for a person, each with its reason and its remedy."""
    from gateway.cli.looking import show_tasks

    with _house(config) as house:
        raise typer.Exit(show_tasks(house, as_json=as_json))


@app.command()
def jobs(
    retry: Annotated[str, typer.Option(help="Put a parked job back.")] = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the open and parked jobs."""
    from gateway.cli.looking import show_jobs

    with _house(config) as house:
        raise typer.Exit(show_jobs(house, retry, as_json=as_json))


@app.command()
def explain(file: Document, as_json: JsonLines = False, ack: Ack = None, ack_number: AckNumber = 1) -> None:
    """Say what stands in an X12 file, segment by segment in words, and what is wrong with it and how to mend it."""
    from gateway.cli.documents import Answering
    from gateway.cli.explaining import explain_file

    answering = Answering(file=ack, control_number=ack_number)
    raise typer.Exit(explain_file(file, as_json=as_json, answering=answering))


@app.command()
def validate(
    file: Document,
    as_json: JsonLines = False,
    ack: Ack = None,
    ack_number: AckNumber = 1,
    processes: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="How many processes check it; else one for each processor where the file is large."),
    ] = None,
) -> None:
    """Say what is wrong with an X12 file and how to mend it, a line for each finding, and nothing else."""
    from gateway.cli.documents import Answering
    from gateway.cli.validating import validate_file

    answering = Answering(file=ack, control_number=ack_number)
    raise typer.Exit(validate_file(file, as_json=as_json, answering=answering, processes=processes))


@app.command()
def schema(
    name: Annotated[str, typer.Argument(help="authorization.v1, claim.v1 or intake.v1; none lists them.")] = "",
) -> None:
    """Print a JSON Schema of what goes in."""
    from gateway.cli.intake import show_schema

    raise typer.Exit(show_schema(name))


@app.command()
def doctor(as_json: Json = False, config: Config = None) -> None:
    """Look at everything that the gateway needs, and say what to mend."""
    from gateway.cli.doctor import examine

    raise typer.Exit(examine(config, as_json=as_json))


@policy_app.command("explain")
def policy_explain(
    payer: Annotated[str, typer.Argument(help="The payer's id.")],
    plan: Annotated[str, typer.Option(help="The plan, as your records name it.")] = "",
    line_of_business: Annotated[str, typer.Option(help="Such as medicare_advantage or commercial.")] = "",
    state: Annotated[str, typer.Option(help="Two capitals.")] = "",
    on: Annotated[str, typer.Option(help="The day of service, YYYY-MM-DD; else today.")] = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show each value of a payer's policy with the row that won it and the rows that lost."""
    from gateway.cli.policies import explain

    asked = {"plan": plan, "line_of_business": line_of_business, "state": state, "on": on}
    raise typer.Exit(explain(_settings(config), payer, as_json=as_json, **asked))


@policy_app.command("impact")
def policy_impact(
    file: PolicyPath,
    every: Annotated[bool, typer.Option("--all", help="Also those that would fare as before.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show which open authorizations and claims not sent would fare differently under a changed file."""
    from gateway.cli.policies import show_impact

    with _house(config) as house:
        raise typer.Exit(show_impact(house, config, file, as_json=as_json, every=every))


@policy_app.command("diff")
def policy_diff(file: PolicyPath, as_json: Json = False, config: Config = None) -> None:
    """Show which rows a changed file adds, takes out and changes."""
    from gateway.cli.policies import show_differences

    raise typer.Exit(show_differences(_settings(config), config, file, as_json=as_json))


@policy_app.command("export")
def policy_export(
    payer: Annotated[str, typer.Argument(help="The payer's id; a file of law or defaults by its name.")],
    as_toml: Annotated[bool, typer.Option("--toml", help="Print TOML instead of a table.")] = False,
    config: Config = None,
) -> None:
    """Print a policy file as a CSV table, a line for each row."""
    from gateway.cli.policies import export

    raise typer.Exit(export(_settings(config), payer, as_toml=as_toml))


@policy_app.command("import")
def policy_import(
    file: PolicyPath,
    write: Annotated[bool, typer.Option("--write", help="Put it in place of the file that is there.")] = False,
    config: Config = None,
) -> None:
    """Check a table (CSV) or a policy file together with all others, and print it as TOML."""
    from gateway.cli.policies import take_in

    raise typer.Exit(take_in(_settings(config), config, file, write=write))


@partner_app.command("list")
def partner_list(as_json: Json = False, config: Config = None) -> None:
    """List the trading partners, how they are reached and whom they serve."""
    from gateway.cli.partners import show

    raise typer.Exit(show(config, as_json=as_json))


@partner_app.command("test")
def partner_test(name: str, write: Write = True, as_json: Json = False, config: Config = None) -> None:
    """Try a partner step by step, up to a test file or message, without leaving anything there."""
    from gateway.cli.partners import probe

    raise typer.Exit(probe(config, name, writing=write, as_json=as_json))


@partner_app.command("resume")
def partner_resume(name: str, as_json: Json = False, config: Config = None) -> None:
    """Let traffic with a partner go on that had refused us."""
    from gateway.cli.partners import resume

    with _house(config) as house:
        raise typer.Exit(resume(house, name, as_json=as_json))


@as2_app.command("key")
def as2_key(
    name: Annotated[str, typer.Argument(help="What the certificate calls its owner, such as your AS2 name.")],
    folder: Annotated[Path, typer.Option(help="Where NAME.pem and NAME.key are put.")] = Path("conf/keys"),
    days: Annotated[int, typer.Option(min=1, max=3650, help="For how long the certificate is valid.")] = 1095,
    host: Annotated[Optional[list[str]], typer.Option(help="A host name, for the listener's TLS; repeatable.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """Make a key and its self-signed certificate, to sign and decrypt AS2 messages with."""
    from gateway.cli.as2 import make_key

    raise typer.Exit(make_key(name, folder, days=days, hosts=host or [], as_json=as_json))


@as2_app.command("messages")
def as2_messages(
    partner: Annotated[str, typer.Option(help="Of this partner only.")] = "",
    limit: Limit = 50,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the latest AS2 messages, ours and theirs, with their Message-IDs and what became of them."""
    from gateway.cli.as2_looking import show_messages

    with _house(config) as house:
        raise typer.Exit(show_messages(house, partner, limit, as_json=as_json))


@as2_app.command("refusals")
def as2_refusals(limit: Limit = 50, as_json: Json = False, config: Config = None) -> None:
    """Show what was not let in over AS2, in whose name it came, and why."""
    from gateway.cli.as2_looking import show_refusals

    with _house(config) as house:
        raise typer.Exit(show_refusals(house, limit, as_json=as_json))


@db_app.command("upgrade")
def db_upgrade(as_json: Json = False, config: Config = None) -> None:
    """Bring the database's schema to this program's."""
    from gateway.app import upgrade
    from gateway.cli.output import emit

    before, after = upgrade(_settings(config))
    emit({"before": before, "after": after}, f"schema: {before} -> {after}", as_json=as_json)


@deposits_app.command("import")
def deposits_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A bank's file in the form of NACHA.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take a bank's file in: each payment of a payer is kept once, and looks for its 835."""
    from gateway.cli.deposits import take_in

    with _house(config) as house:
        raise typer.Exit(take_in(house, file, as_json=as_json))


@deposits_app.command("list")
def deposits_list(
    unmatched: Annotated[bool, typer.Option("--unmatched", help="Only what lacks its other half, both ways.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show deposits with the 835 that each belongs to, or deposits without an 835 and 835s without a deposit."""
    from gateway.cli.deposits import show

    with _house(config) as house:
        raise typer.Exit(show(house, unmatched=unmatched, as_json=as_json))


@tables_app.command("import")
def tables_import(
    kind: Table,
    files: Published,
    starts_on: StartsOn = None,
    whole: Whole = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take a release of a published table in: what vanished from it ends, nothing is deleted."""
    from gateway.cli.tables import take_in

    with _house(config) as house:
        raise typer.Exit(take_in(house, kind, files, starts_on=starts_on, whole=whole, writing=True, as_json=as_json))


@tables_app.command("diff")
def tables_diff(
    kind: Table,
    files: Published,
    starts_on: StartsOn = None,
    whole: Whole = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Say what a release would change, and which claims that are not sent yet it touches; nothing is written."""
    from gateway.cli.tables import take_in

    with _house(config) as house:
        raise typer.Exit(take_in(house, kind, files, starts_on=starts_on, whole=whole, writing=False, as_json=as_json))


@tables_app.command("list")
def tables_list(as_json: Json = False, config: Config = None) -> None:
    """Show the releases that were imported, the days that they hold for, and which tables lack today's."""
    from gateway.cli.tables import show

    with _house(config) as house:
        raise typer.Exit(show(house, as_json=as_json))
