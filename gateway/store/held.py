"""Which claims and requests are held, and of which patients: asked often, and answered without opening a record."""

from collections.abc import Iterable

import sqlalchemy as sa

from gateway.store.people import member_key
from gateway.store.schema import authorizations, claims
from gateway.store.session import Scoped, Session

HELD = "held"
_TABLES = (authorizations, claims)
_LATER = 500  # Ids in one question.


class Held:
    """A patient is (organisation, clinic, key of the member id), which may be a family's."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def patient(self, organisation: str, clinic: str, member_id: str) -> list[tuple[str, str, str]]:
        """This patient, where something of theirs is held; else []."""
        wanted = (organisation, clinic, member_key(self._session.keys, member_id))
        return [wanted] if self.subjects(wanted) else []

    def beside(self, of_claims: Iterable[str]) -> list[tuple[str, str, str]]:
        """The patients of these claims of whom something is held."""
        held = self._patients()
        wanted, found = sorted(set(of_claims)) if held else [], set()
        for start in range(0, len(wanted), _LATER):
            some = wanted[start : start + _LATER]
            mine = sa.select(claims.c.organisation, claims.c.clinic, claims.c.patient_key).where(claims.c.id.in_(some))
            found |= {tuple(row) for row in self._session.within(Scoped(mine, claims))}
        return sorted(found & held)

    def subjects(self, patient: tuple[str, str, str] | None = None) -> list[str]:
        """Our ids of what is held, the oldest first; of one patient, or of all."""
        found: list[tuple[object, str]] = []
        for table in _TABLES:
            statement = sa.select(table.c.created_at, table.c.id).where(table.c.state == HELD)
            if patient is not None:
                organisation, clinic, key = patient
                statement = statement.where(
                    table.c.organisation == organisation, table.c.clinic == clinic, table.c.patient_key == key
                )
            found += [(row[0], row[1]) for row in self._session.within(Scoped(statement, table))]
        return [subject for _, subject in sorted(found, key=lambda each: (str(each[0]), each[1]))]

    def _patients(self) -> set[tuple[str, str, str]]:
        found: set[tuple[str, str, str]] = set()
        for table in _TABLES:
            statement = sa.select(table.c.organisation, table.c.clinic, table.c.patient_key).distinct()
            rows = self._session.within(Scoped(statement.where(table.c.state == HELD), table))
            found |= {(row[0], row[1], row[2]) for row in rows}
        return found
