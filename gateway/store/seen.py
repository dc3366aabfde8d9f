"""What was picked up from each partner's outbox already: durable, so that no restart fetches a file twice.

A key is the transport's (name, size, time); it belongs to the partner's connection, not to a clinic.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.store.schema import seen
from gateway.store.session import Session

_HAS = sa.select(sa.literal(1)).where(
    seen.c.partner == sa.bindparam("of_partner"), seen.c.key == sa.bindparam("of_key")
)
_ADD = insert(seen).on_conflict_do_nothing()
_FORGET = sa.delete(seen).where(
    seen.c.partner == sa.bindparam("of_partner"), seen.c.recorded_at < sa.bindparam("before")
)


class SeenSet:
    """The pickups of all partners."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def has(self, partner: str, key: str) -> bool:
        return self._session.run(_HAS, {"of_partner": partner, "of_key": key}).first() is not None

    def add(self, partner: str, key: str, document: str) -> bool:
        """Remember a pickup; False where it was remembered before."""
        values = {"partner": partner, "key": key, "document": document, "recorded_at": self._session.now}
        return bool(self._session.run(_ADD, values).rowcount)

    def forget(self, partner: str, before: datetime) -> int:
        """Drop what was picked up before then; how many that were."""
        return self._session.run(_FORGET, {"of_partner": partner, "before": before}).rowcount
