"""The door to the database: opens it, makes transactions, upgrades the schema. SQLite or PostgreSQL, the same promises.

SQLite: WAL, synchronous=FULL, BEGIN IMMEDIATE always, so that a transaction that will write never has to start over.
PostgreSQL: READ COMMITTED, rows locked before they are read to be changed. Never imports Alembic but to upgrade.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from gateway.errors import GatewayError, StoreBehind
from gateway.store import payloads as shelves
from gateway.store.appointments import Appointments
from gateway.store.as2_messages import As2Messages
from gateway.store.authorizations import Authorizations
from gateway.store.billed import BilledClaims
from gateway.store.books import Books
from gateway.store.claims import Claims
from gateway.store.control_numbers import ControlNumbers
from gateway.store.coverages import Coverages
from gateway.store.deadlines import Deadlines
from gateway.store.deposits import Deposits
from gateway.store.documents import Documents
from gateway.store.events import Events
from gateway.store.figures import Figures
from gateway.store.held import Held
from gateway.store.identifiers import Identifiers
from gateway.store.inputs import Inputs
from gateway.store.instructions import Instructions
from gateway.store.jobs import Jobs
from gateway.store.keys import Keyring
from gateway.store.links import Links
from gateway.store.payments import Payments
from gateway.store.people import People
from gateway.store.plans_of_care import PlansOfCare
from gateway.store.provider_adjustments import ProviderAdjustments
from gateway.store.reference import ReferenceTables
from gateway.store.remittances import Remittances
from gateway.store.seen import SeenSet
from gateway.store.session import Ids, Scope, Session, our_errors
from gateway.store.tasks import Tasks

REVISIONS = ("0001", "0002", "0003")
"""Every revision of the schema, the oldest first; a test compares them with the migrations."""

HEAD = REVISIONS[-1]
BUSY_TIMEOUT_MS = 30_000
_ROWS_ARE_COUNTED = {"preserve_rowcount": True}  # Or an INSERT that did nothing does not say so on PostgreSQL.
POOL_SIZE = 8
POOL_OVERFLOW_MAX = 16
POOL_TIMEOUT_S = 30


def utc_now() -> datetime:
    return datetime.now(UTC)


class Transaction(Session):
    """One transaction: the repositories over it, its scope and its instant."""

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
        super().__init__(connection, scope=scope, now=now, keys=keys, ids=ids, configuration=configuration)
        self.documents = Documents(self)
        self.inputs = Inputs(self)
        self.people = People(self)
        self.control_numbers = ControlNumbers(self)
        self.jobs = Jobs(self)
        self.authorizations = Authorizations(self)
        self.claims = Claims(self)
        self.coverages = Coverages(self)
        self.deadlines = Deadlines(self)
        self.plans_of_care = PlansOfCare(self)
        self.appointments = Appointments(self)
        self.instructions = Instructions(self)
        self.held = Held(self)
        self.identifiers = Identifiers(self)
        self.events = Events(self)
        self.figures = Figures(self)
        self.tasks = Tasks(self)
        self.books = Books(self)
        self.remittances = Remittances(self)
        self.reference = ReferenceTables(self)
        self.billed = BilledClaims(self)
        self.payments = Payments(self)
        self.provider_adjustments = ProviderAdjustments(self)
        self.deposits = Deposits(self)
        self.links = Links(self)
        self.seen = SeenSet(self)
        self.as2_messages = As2Messages(self)


class Store:
    """What survives: the database and the payloads."""

    def __init__(
        self,
        engine: sa.Engine,
        payloads: shelves.Payloads,
        keys: Keyring,
        clock: Callable[[], datetime],
        chance: Callable[[int], bytes],
        configuration: str = "",
    ) -> None:
        self.engine = engine
        self.payloads = payloads
        self.keys = keys
        self._clock = clock
        self._chance = chance
        self.configuration = configuration

    @classmethod
    def open(
        cls,
        url: str,
        *,
        payloads: str,
        keys: Keyring,
        clock: Callable[[], datetime] = utc_now,
        chance: Callable[[int], bytes] = secrets.token_bytes,
        check: bool = True,
        configuration: str = "",
    ) -> Self:
        """Open ``sqlite:///path`` or ``postgresql+psycopg://...`` with its payload folder or fsspec URL.

        Raises StoreBehind where the schema is not this program's, StoreUnavailable where the database is out of reach.
        ``check`` False opens any schema, and makes SQLite's file where there is none: before ``upgrade``.
        ``configuration`` is the digest of the settings that everything here is decided under.
        """
        shelf = shelves.Payloads(shelves.shelf(payloads), keys)
        store = cls(_engine(url, create=not check), shelf, keys, clock, chance, configuration)
        if check:
            try:
                store.check()
                store.payloads.sweep()
            except BaseException:
                store.dispose()
                raise
        return store

    @contextmanager
    def transaction(self, scope: Scope, *, read_only: bool = False) -> Iterator[Transaction]:
        """One transaction; it commits at the end, and rolls everything back on an exception.

        ``read_only`` sees one state of the database and keeps nobody waiting.
        """
        with our_errors():
            connection = self.engine.connect()
        try:
            if read_only:
                connection = connection.execution_options(**_READING[self.engine.dialect.name])
            with our_errors():
                connection.begin()
            session = Transaction(
                connection,
                scope=scope,
                now=self._now(),
                keys=self.keys,
                ids=self._ids(read_only=read_only),
                configuration=self.configuration,
            )
            yield session
            session.inputs.write()
            with our_errors():
                connection.commit()
        finally:
            connection.close()  # Rolls back what was not committed.

    def _now(self) -> datetime:
        return self._clock()

    def _ids(self, *, read_only: bool) -> Ids:
        return Ids(b"" if read_only else self._chance(16))

    def new_id(self, prefix: str) -> str:
        """An opaque id outside of any transaction: the prefix, an underscore, 22 characters that are safe in URLs."""
        return Ids(self._chance(16))(prefix)

    def revision(self) -> str:
        """The revision of the database's schema; "" where there is none."""
        with our_errors(), self.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return ""
            found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            return found or ""

    def check(self) -> None:
        """Raises StoreBehind where the schema is older or newer than this program."""
        found = self.revision()
        if found == HEAD:
            return
        if found and found not in REVISIONS:
            raise StoreBehind(
                f"the database was made by a newer program (schema {found}, this program knows {HEAD})",
                fix="Install that version of the gateway, or restore the backup from before its upgrade",
            )
        what = f"is at {found}" if found else "is empty"
        raise StoreBehind(f"the database's schema {what}, this program needs {HEAD}", fix="Run: gateway db upgrade")

    def upgrade(self) -> None:
        """Bring the schema to this program's; several at once are safe, all but one find it done."""
        from gateway.store.migrations import upgrade

        with our_errors():
            upgrade(self.engine)

    def rewrap(self) -> int:
        """Seal rows and payloads that an older key holds with the current one; how many those were."""
        from gateway.store.rotation import rewrap_rows

        return rewrap_rows(self.engine, self.keys) + self.payloads.rewrap()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _engine(url: str, *, create: bool) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise GatewayError(
            "the database's address cannot be read",
            fix="Write sqlite:///path/to/file.db or postgresql+psycopg://user@host/name",
        ) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, create=create)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed)
    raise GatewayError(
        f"{parsed.get_backend_name()} is not a database that the gateway knows",
        fix="Use SQLite (sqlite:///path/to/file.db) or PostgreSQL (postgresql+psycopg://user@host/name)",
    )


def _sqlite(url: sa.URL, *, create: bool) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise GatewayError("the database needs a file: memory forgets", fix="Write sqlite:///path/to/file.db")
    path = Path(url.database)
    if create:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not path.exists():
        raise StoreBehind(f"there is no database at {path}", fix="Run: gateway db upgrade")
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        execution_options=_ROWS_ARE_COUNTED,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW_MAX,
        pool_timeout=POOL_TIMEOUT_S,
    )
    sa.event.listen(engine, "connect", _set_sqlite_up)
    sa.event.listen(engine, "begin", _begin_on_sqlite)
    return engine


def _set_sqlite_up(connection: Any, record: object) -> None:
    connection.isolation_level = None  # The driver begins nothing by itself; _begin_on_sqlite does.
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


_READING: dict[str, dict[str, Any]] = {
    "sqlite": {"read_only": True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


def _begin_on_sqlite(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _postgresql(url: sa.URL) -> sa.Engine:
    query = dict(url.query)
    threshold = query.pop("prepare_threshold", "5")  # "none" for PgBouncer in transaction mode.
    connect_args: dict[str, Any] = {"prepare_threshold": None if threshold == "none" else int(str(threshold))}
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg", query=query),
        hide_parameters=True,
        execution_options=_ROWS_ARE_COUNTED,
        connect_args=connect_args,
        isolation_level="READ COMMITTED",
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW_MAX,
        pool_timeout=POOL_TIMEOUT_S,
    )
