"""``gateway deposits``: what a bank says that payers paid, and the 835 of each."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.commands.opening import Config, Json, opened

app = typer.Typer(help="What a bank says that payers paid, and the 835 of each.", no_args_is_help=True)


@app.command("import")
def deposits_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A bank's file in the form of NACHA.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take a bank's file in: each payment of a payer is kept once, and looks for its 835."""
    from gateway.cli.deposits import take_in

    with opened(config) as house:
        raise typer.Exit(take_in(house, file, as_json=as_json))


@app.command("list")
def deposits_list(
    unmatched: Annotated[bool, typer.Option("--unmatched", help="Only what lacks its other half, both ways.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show deposits with the 835 that each belongs to, or deposits without an 835 and 835s without a deposit."""
    from gateway.cli.deposits import show

    with opened(config) as house:
        raise typer.Exit(show(house, unmatched=unmatched, as_json=as_json))
