"""What every repository works with: one open transaction, its scope, its instant, the keys and the source of ids.

Errors of the database become ours here. Never commits: that is the door's work (database.py).
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql.base import Executable

from gateway.errors import GatewayError
from gateway.store.keys import Keyring

Row: TypeAlias = sa.Row[*tuple[Any, ...]]
Rows: TypeAlias = sa.CursorResult[*tuple[Any, ...]]


class StoreUnavailable(GatewayError):
    """The database or the payload folder cannot be reached or is full; trying again may help."""

    retryable = True


class ChangedMeanwhile(GatewayError):
    """Somebody else changed the record after it was read; reading it again and starting over helps."""

    retryable = True


class NotInStore(GatewayError):
    """No such record, or none that this scope may see."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a transaction sees and writes, and who acts. None is "every one"; a clinic needs its organisation."""

    organisation: str | None
    clinic: str | None
    actor: str

    def __post_init__(self) -> None:
        assert self.organisation or not self.clinic, "a clinic's name means nothing without its organisation"

    @classmethod
    def system(cls, actor: str) -> "Scope":
        """The gateway itself: sees everything."""
        return cls(None, None, actor)

    def covers(self, organisation: str, clinic: str) -> bool:
        return self.organisation in (None, organisation) and self.clinic in (None, clinic)


class Scoped:
    """A statement on an owned table, prepared once for each width of a scope."""

    def __init__(self, statement: Any, table: sa.Table | sa.Alias) -> None:
        organisation = statement.where(table.c.organisation == sa.bindparam("scope_organisation"))
        self._widths = (statement, organisation, organisation.where(table.c.clinic == sa.bindparam("scope_clinic")))

    @classmethod
    def of(cls, everything: Any, organisation: Any, clinic: Any) -> "Scoped":
        """Of three statements that name the scope in their own way."""
        made = cls.__new__(cls)
        made._widths = (everything, organisation, clinic)
        return made

    def within(self, scope: Scope) -> Any:
        return self._widths[(scope.organisation is not None) + (scope.clinic is not None)]


OWNED: dict[str, sa.Table] = {}
"""The tables whose rows an id can be traced to its owner by, keyed by the id's prefix; schema.py fills it in."""


class Ids:
    """Opaque ids that a seed always leads to: the n-th id of a prefix is a digest of both, so that what a transaction
    did can be done again under the same ids. 22 characters after the prefix, safe in URLs."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self._counts: dict[str, int] = {}

    def __call__(self, prefix: str) -> str:
        count = self._counts[prefix] = self._counts.get(prefix, 0) + 1
        digest = sha256(self.seed + f"/{prefix}/{count}".encode()).digest()[:16]
        return f"{prefix}_{urlsafe_b64encode(digest).decode().rstrip('=')}"


class Session:
    """One transaction in progress. ``now`` is UTC and stays the same to its end.

    ``configuration`` names the settings under which it is decided, for its inputs.
    """

    def __init__(
        self,
        connection: sa.Connection,
        *,
        scope: Scope,
        now: datetime,
        keys: Keyring,
        ids: Ids,
        configuration: str = "",
    ) -> None:
        self.connection = connection
        self.scope = scope
        self.now = now
        self.keys = keys
        self.new_id = ids
        self.configuration = configuration
        self._owners: dict[str, tuple[str, str]] = {}
        self._bounds = {
            key: value
            for key, value in (("scope_organisation", scope.organisation), ("scope_clinic", scope.clinic))
            if value is not None
        }

    def run(self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None) -> Rows:
        """Run a statement; several sets of values run it as many times. Raises our errors only."""
        with our_errors():
            return self.connection.execute(statement, values)

    def within(self, statement: Scoped, values: Mapping[str, Any] | None = None) -> Rows:
        """Run a statement on the rows that the scope covers, and no others."""
        return self.run(statement.within(self.scope), {**(values or {}), **self._bounds})

    def owner(self, organisation: str = "", clinic: str = "") -> tuple[str, str]:
        """Who a new row belongs to: what is said, else the scope. Raises NotInStore outside of the scope."""
        organisation = organisation or self.scope.organisation or ""
        clinic = clinic or self.scope.clinic or ""
        if not self.scope.covers(organisation, clinic):
            raise NotInStore(
                f"organisation {organisation}, clinic {clinic or 'any'} is not in this scope",
                fix="Open the transaction with the scope of the clinic that the record belongs to",
            )
        return organisation, clinic

    def owner_of(self, subject: str) -> tuple[str, str]:
        """Whom the record of this id belongs to; the scope itself where this is the id of no owned record."""
        if subject in self._owners:
            return self._owners[subject]
        table = OWNED.get(subject.partition("_")[0])
        if table is None:
            return self.owner()
        row = self.within(_OWNER[table.name], {"subject": subject}).first()
        if row is None and len(subject.partition("_")[2]) != _RANDOM_LENGTH:
            return self.owner()  # A partner's name may begin like one of our ids.
        if row is None:
            raise NotInStore(f"there is no {subject}, or not in this scope", fix="Look it up with gateway trace")
        return self.remember(subject, row.organisation, row.clinic)

    def remembered(self, subjects: Iterable[str]) -> dict[str, tuple[str, str]]:
        """The owners of those among these records that this transaction has met already."""
        return {subject: self._owners[subject] for subject in subjects if subject in self._owners}

    def remember(self, subject: str, organisation: str, clinic: str) -> tuple[str, str]:
        """Spare the next look-up of this record's owner."""
        self._owners[subject] = (organisation, clinic)
        return organisation, clinic


_RANDOM_LENGTH = 22
_OWNER: dict[str, Scoped] = {}


def own(prefix: str, table: sa.Table) -> None:
    """Declare that ids of this prefix name rows of this table."""
    OWNED[prefix] = table
    statement = sa.select(table.c.organisation, table.c.clinic).where(table.c.id == sa.bindparam("subject"))
    _OWNER[table.name] = Scoped(statement, table)


_FULL = ("full", "no space", "quota")
_CROSSED = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock detected.


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn what the database's driver raises into ours; a statement's values never get into the text."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        if isinstance(error, sa.exc.DBAPIError) and getattr(error.orig, "sqlstate", None) in _CROSSED:
            raise ChangedMeanwhile("two transactions waited for each other", fix="Start this one over") from error
        raise _unavailable(error) from error
    except sa.exc.DBAPIError as error:
        reason = type(error.orig).__name__ if error.orig else type(error).__name__
        detail = str(error.orig).splitlines()[0] if error.orig else ""
        raise GatewayError(
            f"the database refused a change ({reason}: {detail})",
            fix="Nothing was written; report this with the text above",
        ) from error


def _unavailable(error: sa.exc.SQLAlchemyError) -> StoreUnavailable:
    text = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).splitlines()[0]
    if any(word in text.lower() for word in _FULL):
        return StoreUnavailable(
            "the database cannot grow, its disk is full", fix="Free space; what was under way was not written"
        )
    return StoreUnavailable(
        f"the database does not answer ({text})",
        fix="Check that it runs, can be reached and has room on its disk; the work is tried again",
    )
