"""``gateway policy``: which row says what, what a changed file would change, policies as tables."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.commands.opening import Config, Json, opened, settings_of

app = typer.Typer(
    help="Payers' policies: which row says what, what a changed file would change, policies as tables.",
    no_args_is_help=True,
)

PolicyPath = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A policy file: TOML, or CSV.")]


@app.command("explain")
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
    raise typer.Exit(explain(settings_of(config), payer, as_json=as_json, **asked))


@app.command("impact")
def policy_impact(
    file: PolicyPath,
    every: Annotated[bool, typer.Option("--all", help="Also those that would fare as before.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show which open authorizations and claims not sent would fare differently under a changed file."""
    from gateway.cli.policies import show_impact

    with opened(config) as house:
        raise typer.Exit(show_impact(house, config, file, as_json=as_json, every=every))


@app.command("diff")
def policy_diff(file: PolicyPath, as_json: Json = False, config: Config = None) -> None:
    """Show which rows a changed file adds, takes out and changes."""
    from gateway.cli.policies import show_differences

    raise typer.Exit(show_differences(settings_of(config), config, file, as_json=as_json))


@app.command("export")
def policy_export(
    payer: Annotated[str, typer.Argument(help="The payer's id; a file of law or defaults by its name.")],
    as_toml: Annotated[bool, typer.Option("--toml", help="Print TOML instead of a table.")] = False,
    config: Config = None,
) -> None:
    """Print a policy file as a CSV table, a line for each row."""
    from gateway.cli.policies import export

    raise typer.Exit(export(settings_of(config), payer, as_toml=as_toml))


@app.command("import")
def policy_import(
    file: PolicyPath,
    write: Annotated[bool, typer.Option("--write", help="Put it in place of the file that is there.")] = False,
    config: Config = None,
) -> None:
    """Check a table (CSV) or a policy file together with all others, and print it as TOML."""
    from gateway.cli.policies import take_in

    raise typer.Exit(take_in(settings_of(config), config, file, write=write))
