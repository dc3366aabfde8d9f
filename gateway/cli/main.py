"""The commands, each a few lines: open what is needed, ask, show. They decide nothing about documents or money."""

import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from gateway.errors import GatewayError

app = typer.Typer(
    name="gateway",
    help="Authorizations and claims between therapy practices and clearinghouses, tied together in one ledger.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
partner_app = typer.Typer(help="Trading partners: list them, test one, let traffic go on.", no_args_is_help=True)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(partner_app, name="partner")
app.add_typer(db_app, name="db")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Config = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads the annotation at run time and shows it as optional.
    typer.Option("--config", "-c", help="The configuration file; else GATEWAY_CONFIG, else conf/gateway.toml."),
]


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    try:
        outcome = app(args=arguments, standalone_mode=False)
    except GatewayError as error:
        _complain(error)
        return 2
    except typer.Abort:
        return 2
    except Exception as error:
        import click

        if isinstance(error, click.ClickException):
            error.show()
            return 2
        raise
    return outcome if isinstance(outcome, int) else 0


def _complain(error: GatewayError) -> None:
    print(str(error), file=sys.stderr)
    for each in error.findings:
        print(f"  {each}", file=sys.stderr)


def _house(config: Path | None) -> Any:
    from gateway import logs
    from gateway.app import open_house
    from gateway.settings import Settings

    settings = Settings.load(config)
    logs.configure("warning", json=False)
    return open_house(settings, actor="cli")


@app.command()
def serve(config: Config = None) -> None:
    """Run the gateway until SIGTERM: workers, pollers and the drop folder."""
    from gateway import logs
    from gateway.app import serve as run_service
    from gateway.settings import Settings

    settings = Settings.load(config)
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

    raise typer.Exit(submit_file(_house(config), file, as_json=as_json))


@app.command()
def trace(
    id: Annotated[str, typer.Argument(help="Our id, the clinic's own number, or any number we or a payer gave.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show every step of an authorization or claim, found by any of its numbers."""
    from gateway.cli.looking import show_trace

    raise typer.Exit(show_trace(_house(config), id, as_json=as_json))


@app.command()
def ledger(
    authorization: Annotated[str, typer.Argument(help="One authorization, by any of its numbers; else all.")] = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what every authorization granted, holds and has used, and the money book; check that both balance."""
    from gateway.cli.looking import show_ledger

    raise typer.Exit(show_ledger(_house(config), authorization, as_json=as_json))


@app.command()
def tasks(as_json: Json = False, config: Config = None) -> None:
    """Show what waits for a person, each with its reason and its remedy."""
    from gateway.cli.looking import show_tasks

    raise typer.Exit(show_tasks(_house(config), as_json=as_json))


@app.command()
def jobs(
    retry: Annotated[str, typer.Option(help="Put a parked job back.")] = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the open and parked jobs."""
    from gateway.cli.looking import show_jobs

    raise typer.Exit(show_jobs(_house(config), retry, as_json=as_json))


@app.command()
def explain(file: Annotated[Path, typer.Argument(help="An X12 file; - reads stdin.")], as_json: Json = False) -> None:
    """Say what stands in an X12 file, segment by segment in words, and what is wrong with it and how to mend it."""
    from gateway.cli.explaining import explain_file

    raise typer.Exit(explain_file(file, as_json=as_json))


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


@partner_app.command("list")
def partner_list(as_json: Json = False, config: Config = None) -> None:
    """List the trading partners, how they are reached and whom they serve."""
    from gateway.cli.partners import show

    raise typer.Exit(show(config, as_json=as_json))


@partner_app.command("test")
def partner_test(name: str, as_json: Json = False, config: Config = None) -> None:
    """Try a partner's mailbox step by step without leaving anything there."""
    from gateway.cli.partners import probe

    raise typer.Exit(probe(config, name, as_json=as_json))


@partner_app.command("resume")
def partner_resume(name: str, as_json: Json = False, config: Config = None) -> None:
    """Let traffic with a partner go on that had refused us."""
    from gateway.cli.partners import resume

    raise typer.Exit(resume(_house(config), name, as_json=as_json))


@db_app.command("upgrade")
def db_upgrade(as_json: Json = False, config: Config = None) -> None:
    """Bring the database's schema to this program's."""
    from gateway.app import upgrade
    from gateway.cli.output import emit
    from gateway.settings import Settings

    before, after = upgrade(Settings.load(config))
    emit({"before": before, "after": after}, f"schema: {before} -> {after}", as_json=as_json)
