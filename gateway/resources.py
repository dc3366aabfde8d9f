"""Finds the data files that ship with the program: in a checkout beside the package, in a wheel inside it."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``edi_maps``, ``trading_partners`` or ``conf``; or FileNotFoundError where the install lacks it."""
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        if (base / name).is_dir():
            return base / name
    raise FileNotFoundError(f"{name} is missing from this installation; install the package again")
