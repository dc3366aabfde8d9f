"""What hangs together: the rows that name each other by our ids, found from either end. Reads only.

Each row is given as a plain mapping without its sealed column; the tables say what its values are.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from gateway.store.schema import (
    appointments,
    authorizations,
    claim_lines,
    claims,
    deposits,
    entries,
    payments,
    provider_adjustments,
    remittances,
)
from gateway.store.session import Scoped, Session

Found = Mapping[str, Any]

_TABLES = {
    "authorization": authorizations,
    "claim": claims,
    "claim_line": claim_lines,
    "appointment": appointments,
    "payment": payments,
    "remittance": remittances,
    "provider_adjustment": provider_adjustments,
    "deposit": deposits,
    "entry": entries,
}
_ORDER = ("seq", "created_at", "id", "control_number")
_HIDDEN = frozenset({"record", "client_key", "patient_key", "digest"})


class Links:
    """Rows by what they name."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by(self, kind: str, column: str, wanted: Iterable[str], *, limit: int) -> list[Found]:
        """The rows of a kind in whose column one of these values stands, at most ``limit``, in a stable order."""
        values = sorted(set(wanted) - {""})
        if not values:
            return []
        rows = self._session.within(_statement(kind, column), {"wanted": values, "at_most": limit})
        return [dict(row._mapping) for row in rows]


@cache
def _statement(kind: str, column: str) -> Scoped:
    table = _TABLES[kind]
    shown = [each for each in table.columns if each.name not in _HIDDEN]
    order = [each for each in table.columns if each.name in _ORDER]
    wanted = table.c[column].in_(sa.bindparam("wanted", expanding=True))
    return Scoped(sa.select(*shown).where(wanted).order_by(*order).limit(sa.bindparam("at_most")), table)
