"""``gateway as2``: make keys, look at messages."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from gateway.cli.commands.opening import Config, Json, opened

app = typer.Typer(help="AS2: make keys, look at messages.", no_args_is_help=True)

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="The latest so many.")]


@app.command("key")
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


@app.command("messages")
def as2_messages(
    partner: Annotated[str, typer.Option(help="Of this partner only.")] = "",
    limit: Limit = 50,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the latest AS2 messages, ours and theirs, with their Message-IDs and what became of them."""
    from gateway.cli.as2_looking import show_messages

    with opened(config) as house:
        raise typer.Exit(show_messages(house, partner, limit, as_json=as_json))


@app.command("refusals")
def as2_refusals(limit: Limit = 50, as_json: Json = False, config: Config = None) -> None:
    """Show what was not let in over AS2, in whose name it came, and why."""
    from gateway.cli.as2_looking import show_refusals

    with opened(config) as house:
        raise typer.Exit(show_refusals(house, limit, as_json=as_json))
