"""Inputs: every document, command and decision of the clock, in the order in which they were taken in. Append-only.

The state can be rebuilt from them, so each says who acted, which date it holds for and, as ``seed``, where the ids of
its transaction came from. They are written at the end of their transaction, when it holds every lock that it takes: so
of two that meet in one row, the one that went first is the one that was recorded first. Content is sealed.
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
    """``content`` may hold a patient's values: it goes nowhere but to those who rebuild the state from it.

    Inputs with the same ``seed`` were one transaction; ``configuration`` is the digest of the settings then.
    """

    id: str
    kind: str
    name: str
    actor: str
    organisation: str
    clinic: str
    holds_on: date
    document: str
    seed: str
    configuration: str
    content: Mapping[str, Any]
    recorded_at: datetime


_ADD = sa.insert(inputs)
_LIST = sa.select(*(inputs.c[name] for name in Input.__dataclass_fields__)).order_by(inputs.c.seq)


class Inputs:
    """What the gateway was told, and what it decided by the clock."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: list[dict[str, Any]] = []

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
            "seed": session.new_id.seed.hex(),
            "configuration": session.configuration,
            "content": session.keys.seal(json.dumps(dict(content or {})).encode(), f"inputs/{added}"),
            "recorded_at": session.now,
        }
        self._waiting.append(values)
        return added

    def write(self) -> None:
        """Write what was added: the last thing that a transaction does."""
        waiting, self._waiting = self._waiting, []
        for values in waiting:
            self._session.run(_ADD, values)

    def list(self, *, kind: str | None = None, name: str | None = None, after: str = "") -> list[Input]:
        """In recorded order; with ``after``, those recorded after that input."""
        self.write()
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
