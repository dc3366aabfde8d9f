"""People: names, birth dates, member ids and addresses, one sealed row each, found by keyed hashes.

A row is one spelling of a person and never changes, so that what was sent can be shown as it was; its id is a keyed
hash of all of it, so the same spelling is one row. Never shows a value in an error.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.domain.parties import Person
from gateway.domain.plain import from_plain, to_plain
from gateway.store.keys import Keyring
from gateway.store.schema import people
from gateway.store.session import NotInStore, Scoped, Session

_ID_BYTES = 16

_PUT = insert(people).on_conflict_do_nothing()
_GET = Scoped(
    sa.select(people.c.id, people.c.record).where(people.c.id.in_(sa.bindparam("wanted", expanding=True))), people
)
_FIND = sa.select(people.c.id).where(people.c.organisation == sa.bindparam("of_organisation"))
_ORDER = (people.c.recorded_at.desc(), people.c.id)
_BY_MEMBER = Scoped(_FIND.where(people.c.member_key == sa.bindparam("wanted")).order_by(*_ORDER), people)
_BY_NAME = Scoped(_FIND.where(people.c.name_key == sa.bindparam("wanted")).order_by(*_ORDER), people)


class People:
    """The people of each organisation."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, organisation: str, person: Person, member_id: str, *, clinic: str = "") -> str:
        """Store one spelling of a person; its id. The same again gives the same id."""
        row = self.row(*self._session.owner(organisation, clinic), to_plain(person), member_id)
        self.put_rows([row])
        return str(row["id"])

    def put_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store several spellings; those that are there already stay as they are."""
        if rows:  # In the order of ids, so that two who store a family do not wait for each other.
            self._session.run(_PUT, sorted(rows, key=lambda row: str(row["id"])))

    def row(self, organisation: str, clinic: str, person: dict[str, Any], member_id: str) -> dict[str, Any]:
        """The sealed row of a person in the form of ``to_plain``; its ``id`` is known before it is stored."""
        session, keys = self._session, self._session.keys
        text = json.dumps({"person": person, "member_id": member_id}, sort_keys=True, separators=(",", ":"))
        digest = bytes.fromhex(keys.fingerprint("person", organisation, clinic, text))[:_ID_BYTES]
        person_id = f"pe_{urlsafe_b64encode(digest).decode().rstrip('=')}"
        return {
            "id": person_id,
            "organisation": organisation,
            "clinic": clinic,
            "member_key": member_key(keys, member_id),
            "name_key": keys.fingerprint("name", _name(person["last"]), person["born"]) if "born" in person else "",
            "record": keys.seal(text.encode(), f"people/{person_id}"),
            "recorded_at": session.now,
        }

    def get(self, person_id: str) -> tuple[Person, str]:
        """The person and the member id. Raises NotInStore outside of the scope."""
        person, member_id = self.get_plain([person_id])[person_id]
        return from_plain(Person, person), member_id

    def get_plain(self, wanted: Iterable[str]) -> dict[str, tuple[dict[str, Any], str]]:
        """Several at once, by id, in the form of ``to_plain``."""
        ids = sorted(set(wanted))
        found = {}
        for row in self._session.within(_GET, {"wanted": ids}) if ids else ():
            held = json.loads(self._session.keys.unseal(row.record, f"people/{row.id}"))
            found[row.id] = (held["person"], held["member_id"])
        for person_id in ids:
            if person_id not in found:
                raise NotInStore(f"there is no person {person_id}, or not in this scope", fix="Widen the scope")
        return found

    def find(self, organisation: str, *, member_id: str = "", last: str = "", born: date | None = None) -> list[str]:
        """Ids by member id, or by last name with birth date, the latest first; case and spaces do not count."""
        assert member_id or (last and born), "a person is found by member id, or by last name and birth date"
        keys = self._session.keys
        if member_id:
            statement, wanted = _BY_MEMBER, member_key(keys, member_id)
        else:
            assert born is not None
            statement, wanted = _BY_NAME, keys.fingerprint("name", _name(last), born.isoformat())
        rows = self._session.within(statement, {"of_organisation": organisation, "wanted": wanted})
        return list(rows.scalars())


def member_key(keys: Keyring, member_id: str) -> str:
    """What stands for a member id where rows are looked up by it; case and spaces do not count. "" stays ""."""
    return keys.fingerprint("member", "".join(member_id.split()).upper()) if member_id else ""


def _name(value: str) -> str:
    return " ".join(value.split()).casefold()
