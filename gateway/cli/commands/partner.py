"""``gateway partner``: list the trading partners, test one, let traffic go on."""

from typing import Annotated

import typer

from gateway.cli.commands.opening import Config, Json, opened

app = typer.Typer(help="Trading partners: list them, test one, let traffic go on.", no_args_is_help=True)

Write = Annotated[
    bool, typer.Option("--write/--no-write", help="Also write, read and remove a test file, or send a test message.")
]


@app.command("list")
def partner_list(as_json: Json = False, config: Config = None) -> None:
    """List the trading partners, how they are reached and whom they serve."""
    from gateway.cli.partners import show

    raise typer.Exit(show(config, as_json=as_json))


@app.command("test")
def partner_test(name: str, write: Write = True, as_json: Json = False, config: Config = None) -> None:
    """Try a partner step by step, up to a test file or message, without leaving anything there."""
    from gateway.cli.partners import probe

    raise typer.Exit(probe(config, name, writing=write, as_json=as_json))


@app.command("resume")
def partner_resume(name: str, as_json: Json = False, config: Config = None) -> None:
    """Let traffic with a partner go on that had refused us."""
    from gateway.cli.partners import resume

    with opened(config) as house:
        raise typer.Exit(resume(house, name, as_json=as_json))
