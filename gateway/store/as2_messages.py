"""Messages over AS2: each Message-ID once per partner and direction, with the receipt (MDN) that belongs to it.

A message of theirs that was taken claims its Message-ID; one that was refused claims nothing, because whoever sent it
may have made the id up. They belong to the partner's connection, not to a clinic. Never holds a message's bytes: those
of MDNs, and of messages that were refused, are payloads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.errors import GatewayError
from gateway.store.schema import as2_messages
from gateway.store.session import NotInStore, Row, Session

Direction = Literal["in", "out"]
Headers = Sequence[tuple[str, str]]

STATES: Mapping[str, tuple[str, ...]] = {
    "in": ("processed", "refused"),
    "out": ("built", "sent", "awaited", "overdue", "received", "refused", "mismatch"),
}
"""Of theirs: taken or refused. Of ours: about to go out; gone, with no MDN to come; gone, its MDN still to come, or to
come for too long; then what the MDN says: received as we sent it, refused, or another content than ours (its MIC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class As2Message:
    """``contents`` are the payload ids of its parts; ``payload`` is all of a refused message, header block and body.

    ``mdn`` is a payload id: of the body of our MDN, whose headers are ``mdn_headers`` (direction in), or of theirs with
    its header block (out). ``mdn_url`` is where they want ours posted, "" where it went back in the response;
    ``mdn_sent_at`` says when that was done. ``attempts`` counts how often it came, or was posted.
    """

    id: str
    direction: Direction
    partner: str
    message_id: str
    document: str
    contents: tuple[str, ...]
    payload: str
    state: str
    reason: str
    mic: str
    mic_algorithm: str
    disposition: str
    mdn: str
    mdn_headers: tuple[tuple[str, str], ...]
    mdn_url: str
    mdn_sent_at: datetime | None
    attempts: int
    recorded_at: datetime
    changed_at: datetime


_CHANGES = {"document", "contents", "state", "reason", "mic", "mic_algorithm", "disposition"}
_CHANGES |= {"mdn", "mdn_headers", "mdn_url", "mdn_sent_at"}
_COLUMNS = tuple(as2_messages.c[name] for name in As2Message.__dataclass_fields__)
_SHOWN = sa.select(*_COLUMNS)
_BY_ID = _SHOWN.where(as2_messages.c.id == sa.bindparam("wanted"))
_BY_KEY = _SHOWN.where(
    as2_messages.c.direction == sa.bindparam("of_direction"),
    as2_messages.c.partner == sa.bindparam("of_partner"),
    as2_messages.c.key == sa.bindparam("of_key"),
)
_ADD = insert(as2_messages).on_conflict_do_nothing(  # Waits for whoever is just adding the same one.
    index_elements=[as2_messages.c.direction, as2_messages.c.partner, as2_messages.c.key]
)
_AGAIN = (
    sa.update(as2_messages)
    .where(as2_messages.c.id == sa.bindparam("wanted"))
    .values(attempts=as2_messages.c.attempts + 1, changed_at=sa.bindparam("to_changed_at"))
)


class As2Messages:
    """What goes over AS2, both ways."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(
        self, *, partner: str, message_id: str, document: str, mic: str = "", mic_algorithm: str = ""
    ) -> As2Message:
        """One of ours is about to be posted, for the first time or again; commit before its first byte goes out.

        Its MDN may be quicker than the answer to the post. What an earlier attempt's MDN said is kept where it was
        good: "received" is never taken back. Raises GatewayError where the Message-ID is another document's.
        """
        values = {"message_id": message_id, "document": document, "mic": mic, "mic_algorithm": mic_algorithm}
        held, new = self._add("out", partner, _key(message_id), {**values, "state": "built"})
        if new:
            return held
        if held.document != document:
            raise GatewayError(
                "the Message-ID was used for another document",
                where=f"partner {partner}, documents {held.document} and {document}",
                fix="Nothing was sent; report this: a Message-ID is made from its document's id alone",
            )
        self._again(held.id)
        if held.state == "received":
            return self.get(held.id)
        return self.change(held.id, state="built", reason="", mic=mic, mic_algorithm=mic_algorithm)

    def claim(
        self,
        *,
        partner: str,
        message_id: str,
        contents: Sequence[str],
        mic: str,
        mic_algorithm: str,
        disposition: str = "",
        mdn: str = "",
        mdn_headers: Headers = (),
        mdn_url: str = "",
    ) -> tuple[As2Message, bool]:
        """Take one of theirs; False where its Message-ID was claimed before: the row is the earlier one, held.

        Of several at once one claims it, and the others wait until that one has committed or given up.
        """
        values = {
            "message_id": message_id,
            "contents": list(contents),
            "mic": mic,
            "mic_algorithm": mic_algorithm,
            "disposition": disposition,
            "mdn": mdn,
            "mdn_headers": [list(each) for each in mdn_headers],
            "mdn_url": mdn_url,
            "state": "processed",
        }
        return self._add("in", partner, _key(message_id), values)

    def refuse(
        self,
        *,
        partner: str,
        message_id: str,
        payload: str,
        reason: str,
        disposition: str = "",
        mdn: str = "",
        mdn_headers: Headers = (),
        mdn_url: str = "",
    ) -> tuple[As2Message, bool]:
        """Record one of theirs that was refused; False where the same bytes were refused before: that is counted."""
        told = {
            "reason": reason,
            "disposition": disposition,
            "mdn": mdn,
            "mdn_headers": [list(each) for each in mdn_headers],
            "mdn_url": mdn_url,
        }
        values = {"message_id": message_id, "payload": payload, "state": "refused"}
        held, new = self._add("in", partner, _key(message_id, payload), {**values, **told})
        if new:
            return held, True
        self._again(held.id)
        return self.change(held.id, **told), False

    def again(self, message: str) -> None:
        """It came once more."""
        self._again(message)

    def find(
        self, direction: Direction, partner: str, message_id: str, *, payload: str = "", lock: bool = False
    ) -> As2Message | None:
        """The one that has this Message-ID; with ``payload`` the one of theirs that was refused and has these bytes."""
        statement = _BY_KEY.with_for_update() if lock else _BY_KEY
        values = {"of_direction": direction, "of_partner": partner, "of_key": _key(message_id, payload)}
        row = self._session.run(statement, values).first()
        return None if row is None else _message(row)

    def get(self, message: str, *, lock: bool = False) -> As2Message:
        """Raises NotInStore."""
        row = self._session.run(_BY_ID.with_for_update() if lock else _BY_ID, {"wanted": message}).first()
        if row is None:
            raise NotInStore(f"there is no AS2 message {message}", fix="Look it up with gateway as2 messages")
        return _message(row)

    def change(self, message: str, **values: Any) -> As2Message:
        """Set columns of it; what it is now. A state must be one of its direction's."""
        unknown = set(values) - set(_CHANGES)
        assert not unknown, f"{sorted(unknown)} never change"
        held = self.get(message, lock=True)
        assert values.get("state", held.state) in STATES[held.direction], f"no state of direction {held.direction}"
        plain = {name: _plain(value) for name, value in values.items()}
        statement = sa.update(as2_messages).where(as2_messages.c.id == message)
        self._session.run(statement.values(**plain, changed_at=self._session.now))
        return self.get(message)

    def of_document(self, document: str) -> list[As2Message]:
        """Those that carry a document, the oldest first."""
        rows = self._session.run(_SHOWN.where(as2_messages.c.document == document).order_by(as2_messages.c.seq))
        return [_message(row) for row in rows]

    def list(
        self,
        direction: Direction | None = None,
        *,
        partner: str | None = None,
        state: str | None = None,
        since: datetime | None = None,
        limit: int = 1000,
        latest: bool = False,
    ) -> list[As2Message]:
        """In the order of recording, the oldest first; those that were recorded ``since`` then.

        ``latest`` says which ones ``limit`` leaves: else the first.
        """
        statement = _SHOWN.order_by(as2_messages.c.seq.desc() if latest else as2_messages.c.seq).limit(limit)
        if since is not None:
            statement = statement.where(as2_messages.c.recorded_at >= since)
        for column, value in (("direction", direction), ("partner", partner), ("state", state)):
            if value is not None:
                statement = statement.where(as2_messages.c[column] == str(value))
        found = [_message(row) for row in self._session.run(statement)]
        return found[::-1] if latest else found

    def _add(self, direction: Direction, partner: str, key: str, values: Mapping[str, Any]) -> tuple[As2Message, bool]:
        session = self._session
        message = session.new_id("am")
        added = {"contents": [], "mdn_headers": [], **values}
        added |= {"id": message, "direction": direction, "partner": partner, "key": key}
        added |= {"recorded_at": session.now, "changed_at": session.now}
        if session.run(_ADD, added).rowcount:
            return self.get(message), True
        of = {"of_direction": direction, "of_partner": partner, "of_key": key}
        return _message(session.run(_BY_KEY.with_for_update(), of).one()), False

    def _again(self, message: str) -> None:
        self._session.run(_AGAIN, {"wanted": message, "to_changed_at": self._session.now})


def _key(message_id: str, payload: str = "") -> str:
    """Of one length, whatever the length of the Message-ID; angle brackets are no part of it (RFC 5322, 3.6.4)."""
    bare = message_id.strip().removeprefix("<").removesuffix(">")
    return sha256(f"{bare}\0{payload}".encode("utf-8", "surrogateescape")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [list(each) if isinstance(each, tuple) else each for each in value]
    return value


def _message(row: Row) -> As2Message:
    values = dict(row._mapping)
    values["contents"] = tuple(values["contents"])
    values["mdn_headers"] = tuple((name, value) for name, value in values["mdn_headers"])
    return As2Message(**values)
