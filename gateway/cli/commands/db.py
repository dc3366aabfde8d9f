"""``gateway db``: the database's schema."""

import typer

from gateway.cli.commands.opening import Config, Json, settings_of

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def db_upgrade(as_json: Json = False, config: Config = None) -> None:
    """Bring the database's schema to this program's."""
    from gateway.app import upgrade
    from gateway.cli.output import emit

    before, after = upgrade(settings_of(config))
    emit({"before": before, "after": after}, f"schema: {before} -> {after}", as_json=as_json)
