"""What a person types. The docstring of a command is its help; data goes to stdout, talk to stderr.

Exit codes: 0 clean, 1 findings, 2 could not run. What a command needs is imported when it runs, so that help is quick.
"""

from gateway.cli.main import run

__all__ = ["run"]
