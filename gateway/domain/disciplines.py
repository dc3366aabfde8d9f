"""Physical, occupational and speech therapy by the modifiers of their plans of care, and which of them a service is of.

A visit counts once for a discipline and a day (domain facts, 6.1): ledger and rules must mean the same one.
"""

from collections.abc import Sequence

from gateway.domain.claim import ServiceLine

DISCIPLINES = ("GP", "GO", "GN")


def discipline(line: ServiceLine) -> str:
    """GP, GO or GN; "" where the line has none."""
    return next((each for each in line.modifiers if each in DISCIPLINES), "")


def counted_under(line: ServiceLine, lines: Sequence[ServiceLine], certified: Sequence[str]) -> str:
    """The discipline that a line's visit counts under: its own, else the one that is ``certified``, else one that the
    claim's ``lines`` have on that day, so that it is no visit more; "" where there is none of these."""
    words = [discipline(line)] if discipline(line) else list(certified)
    if len(words) != 1:
        words = sorted({discipline(each) for each in lines if each.served_on == line.served_on} - {""})
    return words[0] if words else ""
