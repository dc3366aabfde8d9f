"""What all commands share: options of one wording, the configuration, and the house opened for a while."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from gateway.flow.house import House
    from gateway.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Config = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads the annotation at run time and shows it as optional.
    typer.Option("--config", "-c", help="The configuration file; else GATEWAY_CONFIG, else conf/gateway.toml."),
]
Ref = Annotated[str, typer.Argument(help="Your own number of this record; told again, it counts once.")]
Clinic = Annotated[str, typer.Option(help="ORGANISATION/CLINIC; need not be said where there is one.")]
Of = Annotated[str, typer.Option("--of", help="Your own number of the authorization that it is about.")]
Discipline = Annotated[str, typer.Option(help="GP, GO or GN.")]


def settings_of(config: Path | None) -> "Settings":
    """The configuration that is asked for; says so where it is the shipped sample for want of one here."""
    from gateway import resources
    from gateway.settings import Settings

    settings = Settings.load(config)
    shipped = resources.folder("conf") / "gateway.toml"
    if config is None and settings.file == shipped and Path.cwd() != shipped.parent.parent:
        print("No conf/gateway.toml here: this is the shipped sample configuration.", file=sys.stderr)
    return settings


@contextmanager
def opened(config: Path | None) -> "Iterator[House]":
    """The house of a configuration, as a person at the command line is in it; its database is let go at the end."""
    from gateway import logs
    from gateway.app import open_house

    settings = settings_of(config)
    logs.configure("warning", json=False)
    house = open_house(settings, actor="cli")
    try:
        yield house
    finally:
        house.store.dispose()
