"""Groups of commands (``gateway NAME ...``), a file for each: only what is typed, as typer reads it, and whom to ask.

What a command does is in a file of its own beside this folder, which knows no typer.
"""
