"""The commands, each a few lines: open what is needed, ask, show. They decide nothing about documents or money."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from gateway.cli.commands import as2, authorization, db, deposits, partner, policy, tables
from gateway.cli.commands.opening import Clinic, Config, Discipline, Json, Of, Ref, opened, settings_of
from gateway.errors import GatewayError

app = typer.Typer(
    name="gateway",
    help="Authorizations and claims between therapy practices and clearinghouses, tied together in one ledger.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
for group in (partner, authorization, policy, as2, db, tables, deposits):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])  # A group is called as its file is.

JsonLines = Annotated[bool, typer.Option("--json", help="Print JSON for programs, a line for each.")]
Document = Annotated[Path, typer.Argument(help="An X12 file; - reads stdin.")]
Ack = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--ack", help="Write the TA1 and 999 that answer the file here; - writes them to stdout."),
]
AckNumber = Annotated[int, typer.Option(min=1, max=999_999_999, help="The first control number of what --ack writes.")]
Day = Annotated[Optional[datetime], typer.Option(formats=["%Y-%m-%d"], help="A day, included.")]  # noqa: UP045


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


@app.command()
def serve(config: Config = None) -> None:
    """Run the gateway until SIGTERM: workers, pollers and the drop folder."""
    from gateway import logs
    from gateway.app import serve as run_service

    settings = settings_of(config)
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

    with opened(config) as house:
        raise typer.Exit(submit_file(house, file, as_json=as_json))


@app.command()
def preview(
    file: Annotated[Path, typer.Argument(help="JSON, JSON Lines or CSV; - reads JSON or JSON Lines from stdin.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what would become of a file and all that the checks find in it; nothing is stored, nothing is sent."""
    from gateway.cli.previewing import preview_file

    with opened(config) as house:
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

    with opened(config) as house:
        record = telling.common(house, "visit", ref, clinic)
        record |= {"status": status, "authorization_ref": of, "served_on": on, "discipline": discipline}
        record = telling.visit(house, {**record, "override": override}, line or [])
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

    with opened(config) as house:
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
    days: Annotated[int, typer.Option(min=0, help="expiring, plans: ends or is due within so many days.")] = 14,
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
    with opened(config) as house:
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

    with opened(config) as house:
        raise typer.Exit(show_ledger(house, authorization, as_json=as_json))


@app.command()
def replay(as_json: Json = False, config: Config = None) -> None:
    """Do everything that was stored again, from empty and beside the books, and compare: both must be the same."""
    from gateway.cli.replaying import show_replay

    with opened(config) as house:
        raise typer.Exit(show_replay(house, as_json=as_json))


@app.command()
def tasks(as_json: Json = False, config: Config = None) -> None:
    """Show what waits for a person, each with its reason and its remedy."""
    from gateway.cli.looking import show_tasks

    with opened(config) as house:
        raise typer.Exit(show_tasks(house, as_json=as_json))


@app.command()
def jobs(
    retry: Annotated[str, typer.Option(help="Put a parked job back.")] = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the open and parked jobs."""
    from gateway.cli.looking import show_jobs

    with opened(config) as house:
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
