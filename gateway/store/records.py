"""How a domain record rests in the database: people sealed apart, the rest sealed as one JSON, and put together again.

Wherever a record's plain form holds a ``person``, that person and the member id beside it are replaced by the id of a
sealed row of ``people``. Never guesses: what was put in comes out, field for field.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.domain.plain import from_plain, to_plain
from gateway.store.among import among
from gateway.store.people import People, member_key
from gateway.store.session import ChangedMeanwhile, NotInStore, Row, Scoped, Session

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Added:
    """What adding a record came to; ``existing`` is the id that the clinic's number has already. "changed" is for
    records of which the latest counts: what was there was replaced."""

    id: str
    outcome: Literal["new", "same", "changed", "conflict"]
    existing: str = ""


def seal_record(session: Session, record: Any, *, context: str, organisation: str, clinic: str) -> bytes:
    """The sealed form; its people are stored first."""
    plain = to_plain(record)
    people, rows = People(session), []
    for holder in _holders(plain):
        member_id = holder.pop("member_id", None)
        rows.append(people.row(organisation, clinic, holder["person"], member_id or ""))
        holder["person"] = rows[-1]["id"]
        if member_id is not None:
            holder["member"] = True  # Told apart from a record that left the member id out.
    people.put_rows(rows)
    return session.keys.seal(json.dumps(plain, separators=(",", ":")).encode(), context)


def unseal_records(session: Session, kind: type[Record], sealed: list[tuple[str, bytes]]) -> list[Record]:
    """The records of these contexts and sealed texts, in order; their people are fetched in one go."""
    opened = [json.loads(session.keys.unseal(text, context)) for context, text in sealed]
    holders = [holder for plain in opened for holder in _holders(plain)]
    people = People(session).get_plain({holder["person"] for holder in holders})
    for holder in holders:
        holder["person"], member_id = people[holder["person"]]
        if holder.pop("member", False):
            holder["member_id"] = member_id
    return [from_plain(kind, plain) for plain in opened]


def _holders(plain: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plain, dict):
        if "person" in plain:
            yield plain
        for value in plain.values():
            yield from _holders(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from _holders(value)


class Statements:
    """What is asked of one table of records, prepared once."""

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        number = [table.c.organisation, table.c.clinic, table.c.client_key]
        self.add = insert(table).on_conflict_do_nothing(index_elements=number)
        self.known = Scoped(
            sa.select(table.c.id, table.c.digest).where(
                table.c.organisation == sa.bindparam("of_organisation"),
                table.c.clinic == sa.bindparam("of_clinic"),
                table.c.client_key == sa.bindparam("of_client_key"),
            ),
            table,
        )
        one = sa.select(table).where(table.c.id == sa.bindparam("wanted"))
        self.get = Scoped(one, table)
        self.lock = Scoped(one.with_for_update(), table)
        self.of_patient = Scoped(
            sa.select(table)
            .where(
                table.c.organisation == sa.bindparam("of_organisation"),
                table.c.clinic == sa.bindparam("of_clinic"),
                table.c.patient_key == sa.bindparam("of_patient"),
            )
            .order_by(table.c.created_at, table.c.id),
            table,
        )
        self.these = Scoped(sa.select(table).where(among(table.c.id)).order_by(table.c.id), table)
        self._changes: dict[tuple[str, ...], Scoped] = {}

    def change(self, columns: tuple[str, ...], *, versioned: bool) -> Scoped:
        """An update of these columns; ``versioned`` only where the version is still the one that was read."""
        key = (*columns, "?") if versioned else columns
        if key not in self._changes:
            table = self.table
            statement = sa.update(table).where(table.c.id == sa.bindparam("wanted"))
            if versioned:
                statement = statement.where(table.c.version == sa.bindparam("of_version"))
            values: dict[str, Any] = {name: sa.bindparam(f"to_{name}", type_=table.c[name].type) for name in columns}
            self._changes[key] = Scoped(statement.values(**values, version=table.c.version + 1), table)
        return self._changes[key]


class Records(Generic[Record]):
    """Records of one kind, each known by the clinic's own number, once."""

    def __init__(self, session: Session, statements: Statements, kind: type[Record]) -> None:
        self._session = session
        self._statements = statements
        self._kind = kind
        self._name = statements.table.name
        self._versions: dict[str, int] = {}

    def _add(
        self, record: Record, record_id: str, client_ref: str, digest: str, owner: tuple[str, str], **values: Any
    ) -> Added:
        session = self._session
        organisation, clinic = session.owner(*owner)
        client_key = session.keys.fingerprint("client_ref", client_ref)
        digest = session.keys.fingerprint("digest", digest)
        known = {"of_organisation": organisation, "of_clinic": clinic, "of_client_key": client_key}
        row = session.within(self._statements.known, known).first()
        if row is None:
            added = {
                "id": record_id,
                "organisation": organisation,
                "clinic": clinic,
                "client_key": client_key,
                "digest": digest,
                "record": self._seal(record_id, record, organisation, clinic),
                "version": 1,
                "created_at": session.now,
                "changed_at": session.now,
            }
            if session.run(self._statements.add, {**added, **values}).rowcount:
                session.remember(record_id, organisation, clinic)
                self._versions[record_id] = 1
                return Added(record_id, "new")
            row = session.within(self._statements.known, known).one()  # Somebody else was quicker.
        session.remember(row.id, organisation, clinic)
        return Added(row.id, "same" if row.digest == digest else "conflict", existing=row.id)

    def _put(
        self,
        record: Record,
        added: Added,
        digest: str,
        newer: Callable[[Row], bool],
        **values: Any,
    ) -> Added:
        """What ``_add`` came to, where the latest of a number counts: other content takes the place of what is held,
        unless that is ``newer`` no longer."""
        if added.outcome != "conflict":
            return added
        row, _ = self._one(added.existing, lock=True)
        if not newer(row):
            return added
        digest = self._session.keys.fingerprint("digest", digest)
        self._change(added.existing, record, None, digest=digest, **values)
        return Added(added.existing, "changed", existing=added.existing)

    def _patient_key(self, member_id: str) -> str:
        return member_key(self._session.keys, member_id)

    def _of_patient(self, organisation: str, clinic: str, member_id: str) -> list[tuple[Row, Record]]:
        """The records of one clinic under one member id, which may be a family's, the oldest first."""
        wanted = {"of_organisation": organisation, "of_clinic": clinic, "of_patient": self._patient_key(member_id)}
        return self._opened(self._session.within(self._statements.of_patient, wanted).all())

    def _these(self, ids: Iterable[str]) -> list[tuple[Row, Record]]:
        """Those of these ids that the scope sees, by id, opened in one go."""
        wanted = sorted(set(ids) - {""})
        return self._opened(self._session.within(self._statements.these, {"wanted": wanted}).all()) if wanted else []

    def _one(self, record_id: str, *, lock: bool) -> tuple[Row, Record]:
        statement = self._statements.lock if lock else self._statements.get
        rows = self._session.within(statement, {"wanted": record_id}).all()
        if not rows:
            raise self._missing(record_id)
        return self._opened(rows)[0]

    def _opened(self, rows: Sequence[Row]) -> list[tuple[Row, Record]]:
        for row in rows:
            self._versions[row.id] = row.version
            self._session.remember(row.id, row.organisation, row.clinic)
        sealed = [(f"{self._name}/{row.id}", row.record) for row in rows]
        return list(zip(rows, unseal_records(self._session, self._kind, sealed), strict=True))

    def _change(self, record_id: str, record: Record | None, version: int | None, **given: Any) -> int:
        session = self._session
        values = {name: value for name, value in given.items() if value is not None}
        if record is not None:
            values["record"] = self._seal(record_id, record, *session.owner_of(record_id))
        values["changed_at"] = session.now
        version = self._versions.get(record_id) if version is None else version
        bounds = {f"to_{name}": value for name, value in values.items()}
        bounds |= {"wanted": record_id} | ({"of_version": version} if version is not None else {})
        statement = self._statements.change(tuple(values), versioned=version is not None)
        if not session.within(statement, bounds).rowcount:
            if session.within(self._statements.get, {"wanted": record_id}).first() is None:
                raise self._missing(record_id)
            raise ChangedMeanwhile(f"{record_id} was changed after it was read", fix="Read it again and start over")
        if version is None:
            return 0
        self._versions[record_id] = version + 1
        return version + 1

    def _seal(self, record_id: str, record: Record, organisation: str, clinic: str) -> bytes:
        context = f"{self._name}/{record_id}"
        return seal_record(self._session, record, context=context, organisation=organisation, clinic=clinic)

    def _missing(self, record_id: str) -> NotInStore:
        return NotInStore(f"there is no {record_id}, or not in this scope", fix="Look it up with gateway trace")
