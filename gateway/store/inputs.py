"""Inputs: every document, command and decision of the clock, in the order in which they were taken in. Append-only.

The state can be rebuilt from them, so each says who acted and which date it holds for. Its content is sealed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from gateway.store.schema import inputs
from gateway.store.session import Row, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """``content`` may hold a patient's values: it goes nowhere but to those who rebuild the state from it."""

    id: str
    kind: str
    name: str
    actor: str
    organisation: str
    clinic: str
    holds_on: date
    document: str
    content: Mapping[str, Any]
    recorded_at: datetime


_ADD = sa.insert(inputs)
_LIST = sa.select(*(inputs.c[name] for name in Input.__dataclass_fields__)).order_by(inputs.c.seq)


class Inputs:
    """What the gateway was told, and what it decided by the clock."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        *,
        kind: Literal["document", "command", "decision"],
        name: str,
        holds_on: date,
        document: str = "",
        content: Mapping[str, Any] | None = None,
        organisation: str = "",
        clinic: str = "",
    ) -> str:
        """Record an input of the scope's actor; its id. ``content`` is what JSON holds, and is sealed."""
        session = self._session
        organisation, clinic = session.owner(organisation, clinic)
        added = session.new_id("in")
        values = {
            "id": added,
            "organisation": organisation,
            "clinic": clinic,
            "kind": kind,
            "name": name,
            "actor": session.scope.actor,
            "holds_on": holds_on,
            "document": document,
            "content": session.keys.seal(json.dumps(dict(content or {})).encode(), f"inputs/{added}"),
            "recorded_at": session.now,
        }
        session.run(_ADD, values)
        return added

    def list(self, *, kind: str | None = None, name: str | None = None, after: str = "") -> list[Input]:
        """In recorded order; with ``after``, those recorded after that input."""
        statement = _LIST
        if kind is not None:
            statement = statement.where(inputs.c.kind == kind)
        if name is not None:
            statement = statement.where(inputs.c.name == name)
        if after:
            statement = statement.where(
                inputs.c.seq > sa.select(inputs.c.seq).where(inputs.c.id == after).scalar_subquery()
            )
        found = self._session.within(Scoped(statement, inputs))
        return [self._read(row) for row in found]

    def _read(self, row: Row) -> Input:
        opened = self._session.keys.unseal(row.content, f"inputs/{row.id}")
        return Input(**{**row._mapping, "content": json.loads(opened)})
