"""``python -m gateway`` and the ``gateway`` command."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line; exits 0 clean, 1 with findings, 2 where it could not run."""
    from gateway.cli import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
