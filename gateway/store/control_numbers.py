"""Control numbers: ISA13 and GS06 per partner, strictly increasing, each with what became of it.

A number belongs to one content for ever: it is refused for a second digest, and none is ever given out again, not even
one that was never sent. They belong to the partner's connection, not to a clinic.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.errors import GatewayError
from gateway.store.schema import control_counters, control_numbers
from gateway.store.session import Session

NUMBER_MAX = 999_999_999
"""ISA13 is nine digits, GS06 one to nine (X12 005010)."""

_RANKS = {"reserved": 0, "written": 1, "unknown": 2, "sent": 3, "accepted": 4, "rejected": 4, "void": 4}


class ControlNumberTaken(GatewayError):
    """A number that was given to one content is wanted for another; the payer would lose one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlNumber:
    """``digest`` names the content (a payload's id); ``state`` goes forward only, from reserved to its end."""

    partner: str
    kind: str
    number: int
    state: str
    document: str
    digest: str
    reason: str
    reserved_at: datetime
    changed_at: datetime


_COUNT = (
    insert(control_counters)
    .values(partner=sa.bindparam("partner"), kind=sa.bindparam("kind"), last=1)
    .on_conflict_do_update(
        index_elements=[control_counters.c.partner, control_counters.c.kind],
        set_={"last": control_counters.c.last + 1},  # Holds the row's lock to the end of the transaction.
    )
    .returning(control_counters.c.last)
)
_begin = insert(control_counters).values(
    partner=sa.bindparam("partner"), kind=sa.bindparam("kind"), last=sa.bindparam("last")
)
_MOVE_ON = _begin.on_conflict_do_update(
    index_elements=[control_counters.c.partner, control_counters.c.kind], set_={"last": _begin.excluded.last}
)
_RESERVE = sa.insert(control_numbers)
_ONE = (
    control_numbers.c.partner == sa.bindparam("of_partner"),
    control_numbers.c.kind == sa.bindparam("of_kind"),
    control_numbers.c.number == sa.bindparam("of_number"),
)
_SHOWN = sa.select(*(control_numbers.c[name] for name in ControlNumber.__dataclass_fields__))
_GET = _SHOWN.where(*_ONE)
_LOCK = _GET.with_for_update()
_SET = (
    sa.update(control_numbers)
    .where(*_ONE)
    .values({name: sa.bindparam(f"to_{name}") for name in ("state", "document", "digest", "reason", "changed_at")})
)


class ControlNumbers:
    """The numbers that we give to what we send."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def reserve(self, partner: str, kind: str) -> int:
        """The next number of ``isa13`` or ``gs06``, from 1. Raises GatewayError at the end of the nine digits."""
        session = self._session
        number: int = session.run(_COUNT, {"partner": partner, "kind": kind}).scalar_one()
        if number > NUMBER_MAX:
            raise GatewayError(
                f"the control numbers {kind} of {partner} are used up",
                where=f"partner {partner}",
                fix="Agree with the partner on starting over, and give it a new name in trading_partners/",
            )
        values = {
            "partner": partner,
            "kind": kind,
            "number": number,
            "state": "reserved",
            "reserved_at": session.now,
            "changed_at": session.now,
        }
        session.run(_RESERVE, values)
        return number

    def move_on(self, partner: str, kind: str, last: int) -> None:
        """Say that the numbers up to this one were given out: the next is one more."""
        self._session.run(_MOVE_ON, {"partner": partner, "kind": kind, "last": last})

    def set_state(
        self,
        partner: str,
        kind: str,
        number: int,
        state: str,
        *,
        document: str = "",
        digest: str = "",
        reason: str = "",
    ) -> bool:
        """Move a number on: reserved, written, unknown, sent, then accepted, rejected or void; whether it moved.

        An answer may come before "sent" is recorded, and twice: neither sets it back. Raises ControlNumberTaken where
        it carries another digest.
        """
        assert state in _RANKS, f"{state} is no state of a control number"
        held = self._get(partner, kind, number, lock=True)
        if digest and held.digest and digest != held.digest:
            raise ControlNumberTaken(
                f"{kind} {number} of {partner} was given to another content",
                where=f"document {held.document}",
                fix="Reserve a new number for a new content; repeat an upload with the bytes that were written first",
            )
        moves = _RANKS[state] > _RANKS[held.state]
        values = {
            "of_partner": partner,
            "of_kind": kind,
            "of_number": number,
            "to_state": str(state) if moves else held.state,
            "to_document": document or held.document,
            "to_digest": digest or held.digest,
            "to_reason": reason if moves else held.reason,
            "to_changed_at": self._session.now,
        }
        self._session.run(_SET, values)
        return moves

    def get(self, partner: str, kind: str, number: int) -> ControlNumber:
        """Raises GatewayError where it was never reserved."""
        return self._get(partner, kind, number, lock=False)

    def list(self, partner: str, *, kind: str | None = None, state: str | None = None) -> list[ControlNumber]:
        """By kind and number."""
        statement = _SHOWN.where(control_numbers.c.partner == partner)
        if kind is not None:
            statement = statement.where(control_numbers.c.kind == kind)
        if state is not None:
            statement = statement.where(control_numbers.c.state == str(state))
        rows = self._session.run(statement.order_by(control_numbers.c.kind, control_numbers.c.number))
        return [ControlNumber(**row._mapping) for row in rows]

    def _get(self, partner: str, kind: str, number: int, *, lock: bool) -> ControlNumber:
        values = {"of_partner": partner, "of_kind": kind, "of_number": int(number)}
        row = self._session.run(_LOCK if lock else _GET, values).first()
        if row is None:
            raise GatewayError(
                f"{kind} {number} of {partner} was never given out",
                where=f"partner {partner}",
                fix="Compare the partner's envelope ids with trading_partners/; it may answer somebody else's file",
            )
        return ControlNumber(**row._mapping)
