"""``gateway tables``: published tables of codes, imported, compared and listed."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from gateway.cli.commands.opening import Config, Json, opened

app = typer.Typer(help="Published tables: NCCI, MUE, ICD-10-CM, CARC, RARC.", no_args_is_help=True)

Table = Annotated[str, typer.Argument(help="ncci, mue, icd10, carc or rarc.")]
Published = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, help="The file as published, or all parts of it.")
]
StartsOn = Annotated[
    Optional[datetime],  # noqa: UP045
    typer.Option("--starts-on", formats=["%Y-%m-%d"], help="From which day it holds; else as its name says."),
]
Whole = Annotated[bool, typer.Option("--all", help="Keep NCCI pairs with codes that are not therapy's, too.")]


@app.command("import")
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

    with opened(config) as house:
        raise typer.Exit(take_in(house, kind, files, starts_on=starts_on, whole=whole, writing=True, as_json=as_json))


@app.command("diff")
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

    with opened(config) as house:
        raise typer.Exit(take_in(house, kind, files, starts_on=starts_on, whole=whole, writing=False, as_json=as_json))


@app.command("list")
def tables_list(as_json: Json = False, config: Config = None) -> None:
    """Show the releases that were imported, the days that they hold for, and which tables lack today's."""
    from gateway.cli.tables import show

    with opened(config) as house:
        raise typer.Exit(show(house, as_json=as_json))
