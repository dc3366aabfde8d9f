"""What all tests share: a clock that stands still, seeded chance, and fresh databases of both kinds.

PostgreSQL is the server that GATEWAY_TEST_POSTGRES names (a SQLAlchemy URL whose user may create databases), else a
private one (postgres_cluster.py) that all workers of a run share and that ends with the run.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from gateway.store import Keyring, Store
from gateway.store.schema import metadata

# Guides that were read are kept in the checkout: tests leave the user's own cache alone, and workers share this one.
os.environ["GATEWAY_CACHE"] = str(Path(__file__).resolve().parent.parent / ".pytest_cache" / "x12-guides")

SERVER_START_S = 90
_numbers = count(1)


class Clock:
    """A settable clock: ``clock()`` is the instant, ``clock.advance(5)`` moves it by seconds."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ids() -> Callable[[int], bytes]:
    """Chance for ids, the same in every run of a test; hand it to ``Store.open(chance=ids)``."""
    return random.Random(278).randbytes


@pytest.fixture(scope="session")
def keys() -> Keyring:
    return Keyring.create()


def _run_id() -> str:
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid():x}{time.time_ns():x}")[-12:]


def _controller() -> int:
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@pytest.fixture(scope="session")
def postgres_server() -> sa.URL:
    """The address of a server, and of a database in it that nobody writes to."""
    if named := os.environ.get("GATEWAY_TEST_POSTGRES"):
        return sa.make_url(named)
    folder = Path(tempfile.gettempdir()) / f"gwpg-{_run_id()}"  # Short: a socket's path has 107 characters at most.
    try:
        folder.mkdir()
    except FileExistsError:
        pass  # Another worker starts it.
    else:
        supervisor = [
            sys.executable,
            str(Path(__file__).with_name("postgres_cluster.py")),
            str(folder),
            str(_controller()),
        ]
        detached = ["/bin/sh", "-c", '"$@" >/dev/null 2>&1 </dev/null &', "sh", *supervisor]
        subprocess.run(detached, check=True, start_new_session=True)
    deadline = time.monotonic() + SERVER_START_S
    while time.monotonic() < deadline:
        if (folder / "ready").exists():
            socket_folder = (folder / "ready").read_text()
            return sa.make_url(f"postgresql+psycopg://postgres@/postgres?host={socket_folder}")
        if (folder / "failed").exists():
            pytest.fail(f"no PostgreSQL to test with: {(folder / 'failed').read_text()}")
        time.sleep(0.02)
    pytest.fail("PostgreSQL did not start")


@pytest.fixture(scope="session")
def postgres_admin(postgres_server: sa.URL) -> Iterator[psycopg.Connection]:
    """A connection that may create and drop databases."""
    address = postgres_server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def empty_postgres(postgres_server: sa.URL, postgres_admin: psycopg.Connection) -> Iterator[Callable[..., str]]:
    """Makes databases: each call is a fresh one, empty or from a template; they are dropped at the end."""
    made: list[str] = []
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")

    def make(template: str = "template1") -> str:
        name = f"gw_{_run_id()}_{worker}_{next(_numbers)}"
        postgres_admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        made.append(name)
        return postgres_server.set(database=name).render_as_string(hide_password=False)

    yield make
    for name in reversed(made):
        postgres_admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def postgres_url(empty_postgres: Callable[..., str]) -> str:
    """An empty database of this worker's own, for whoever upgrades it himself."""
    return empty_postgres()


@pytest.fixture(scope="session")
def postgres_template(empty_postgres: Callable[..., str], keys: Keyring) -> str:
    """The name of a database with the schema and without rows, to copy."""
    url = empty_postgres()
    _upgrade(url, keys)
    return str(sa.make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, keys: Keyring) -> Path:
    """A database file with the schema and without rows, to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _upgrade(f"sqlite:///{path}", keys)
    return path


def _upgrade(url: str, keys: Keyring) -> None:
    store = Store.open(url, payloads=tempfile.gettempdir(), keys=keys, check=False)
    store.upgrade()
    store.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def emptied_postgres(empty_postgres: Callable[..., str], postgres_template: str) -> Iterator[Callable[[], str]]:
    """Gives a database with the schema and without rows: the same one each time, emptied, which takes 2 ms.

    A server whose user may not pass the append-only triggers gives a fresh copy, which takes 150 ms.
    """
    url = empty_postgres(postgres_template)
    own = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(own, autocommit=True) as connection:
        try:
            connection.execute("SET session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            yield lambda: empty_postgres(postgres_template)
            return

        def emptied() -> str:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("; ".join(f'DELETE FROM "{table}"' for table in metadata.tables).encode())
            return url

        yield emptied


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the schema and without rows, of each kind."""
    if database_kind == "sqlite":
        path = tmp_path / "gateway.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    emptied: Callable[[], str] = request.getfixturevalue("emptied_postgres")
    return emptied()


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database without the schema, of each kind."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgres")())


@pytest.fixture
def store(
    database_url: str, tmp_path: Path, keys: Keyring, clock: Clock, ids: Callable[[int], bytes]
) -> Iterator[Store]:
    """A store on a fresh database, once on SQLite and once on PostgreSQL."""
    opened = Store.open(database_url, payloads=str(tmp_path / "payloads"), keys=keys, clock=clock, chance=ids)
    yield opened
    opened.dispose()
