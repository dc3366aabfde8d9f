"""The schema's history: the same tables on both databases, made once however many make them, and never worked past."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from store_samples import SECRETS, claim, coverage, instruction, plan_of_care, request, visit

from gateway.errors import GatewayError, StoreBehind
from gateway.store import Keyring, Scope, Store, StoreUnavailable
from gateway.store.database import HEAD, REVISIONS
from gateway.store.migrations import config
from gateway.store.schema import APPEND_ONLY, SEALED, metadata

SYSTEM = Scope.system("test")
MIGRATE = """
import sys
from gateway.store import Keyring, Store
store = Store.open(sys.argv[1], payloads=sys.argv[2], keys=Keyring.create(), check=False)
print("ready", flush=True)
sys.stdin.readline()
store.upgrade()
store.check()
store.dispose()
"""


def test_the_program_knows_every_revision_in_order() -> None:
    scripts = ScriptDirectory.from_config(config())
    assert tuple(each.revision for each in reversed(list(scripts.walk_revisions()))) == REVISIONS
    assert scripts.get_current_head() == HEAD


def test_the_migrations_make_what_the_schema_says(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        assert compare_metadata(context, metadata) == []


def test_an_empty_database_is_refused_with_the_command_that_cures_it(
    empty_database_url: str, keys: Keyring, tmp_path: Path
) -> None:
    with pytest.raises(StoreBehind) as raised:
        Store.open(empty_database_url, payloads=str(tmp_path / "p"), keys=keys)
    assert "gateway db upgrade" in raised.value.fix
    assert not (tmp_path / "empty.db").exists(), "looking must not make a database"
    store = Store.open(empty_database_url, payloads=str(tmp_path / "p"), keys=keys, check=False)
    assert store.revision() == ""
    with pytest.raises(StoreBehind, match="is empty"):
        store.check()
    store.upgrade()
    store.upgrade()
    assert store.revision() == HEAD
    store.dispose()
    Store.open(empty_database_url, payloads=str(tmp_path / "p"), keys=keys).dispose()


@pytest.mark.parametrize(("revision", "cure"), [("0000", "Install"), ("9999", "Install"), ("", "gateway db upgrade")])
def test_another_schema_is_refused(store: Store, revision: str, cure: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    try:
        with pytest.raises(StoreBehind) as raised:
            store.check()
        assert cure in raised.value.fix
    finally:
        with store.engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :to"), {"to": HEAD})


def test_three_migrators_at_once_are_safe(empty_database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MIGRATE, empty_database_url, str(tmp_path / "p")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for each in started:
        assert each.stdout is not None
        each.stdout.readline()
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in started:
        _, errors = each.communicate(timeout=60)
        assert each.returncode == 0, errors


def test_every_append_only_table_is_guarded(store: Store, database_kind: str) -> None:
    catalogue = (
        "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'"
        if database_kind == "sqlite"
        else "SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    )
    with store.engine.connect() as connection:
        assert set(connection.execute(sa.text(catalogue)).scalars()) == set(APPEND_ONLY)


def test_no_value_of_a_patient_is_in_the_database(store: Store, database_kind: str, tmp_path: Path) -> None:
    with store.transaction(SYSTEM) as tx:
        tx.authorizations.add(request(), partner="p", digest="ACCT-31337")
        tx.claims.add(claim(), partner="p", digest="MBR77001234")
        tx.coverages.put(coverage(), digest="d")
        tx.plans_of_care.put(plan_of_care(), digest="d")
        tx.identifiers.add(request().id, "account", "ACCT-31337")
        tx.identifiers.add(request().id, "member_id", "MBR77001234")
        tx.inputs.add(kind="command", name="book", holds_on=tx.now.date(), content={"patient": "Zimmerwald"})
    if database_kind == "sqlite":
        held = b"".join(path.read_bytes() for path in tmp_path.glob("gateway.db*"))
    else:
        with store.engine.connect() as connection:
            texts = [
                str(connection.execute(sa.text(f'SELECT "{table}"::text FROM "{table}"')).all())
                for table in metadata.tables
            ]
        held = "".join(texts).encode()
    assert request().id.encode() in held, "the search must look at the right place"
    for secret in SECRETS:
        assert secret.encode() not in held, secret
        assert secret.encode().hex().encode() not in held, secret


def test_after_a_rotation_everything_is_sealed_with_the_new_key(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = Keyring.load_or_create(path)
    store = Store.open(database_url, payloads=str(tmp_path / "payloads"), keys=old)
    with store.transaction(SYSTEM) as tx:
        tx.authorizations.add(request(), partner="p", digest="d")
        tx.claims.add(claim(), partner="p", digest="d")
        tx.coverages.put(coverage(), digest="d")
        tx.plans_of_care.put(plan_of_care(), digest="d")
        tx.appointments.add(visit(), digest="d", member_id="MBR77001234", payer="p")
        tx.instructions.add(instruction(), digest="d", authorization=request().id, member_id="MBR77001234")
        tx.identifiers.add(request().id, "account", "ACCT-31337")
        tx.inputs.add(kind="command", name="book", holds_on=tx.now.date(), content={"a": 1})
    payload = store.payloads.put([b"ISA"])
    store.dispose()

    ring = old.rotate(path)
    store = Store.open(database_url, payloads=str(tmp_path / "payloads"), keys=ring)
    assert store.rewrap() == 3 + 2 + 4 + 1 + 1 + 1  # People, cases, what is told of them, identifier, input, payload.
    assert store.rewrap() == 0
    with store.engine.connect() as connection:
        for table, column in SEALED.items():
            sealed = metadata.tables[table].c[column]
            assert {ring.key_id(each) for each in connection.execute(sa.select(sealed)).scalars()} == {ring.current}
    with store.transaction(SYSTEM) as tx:
        assert tx.authorizations.get(request().id).request == request()
        assert tx.claims.get(claim().id).claim == claim()
        assert tx.coverages.get(coverage().id).coverage == coverage()
        assert tx.plans_of_care.get(plan_of_care().id).plan == plan_of_care()
        assert tx.appointments.get(visit().id).visit == visit()
        assert tx.instructions.get(instruction().id).instruction == instruction()
        assert tx.identifiers.of(request().id)[0].value == "ACCT-31337"
        assert tx.inputs.list()[0].content == {"a": 1}
    assert store.payloads.read(payload) == b"ISA"
    store.dispose()


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path, sqlite_template: Path, keys: Keyring) -> None:
    path = tmp_path / "small.db"
    shutil.copy(sqlite_template, path)
    store = Store.open(f"sqlite:///{path}", payloads=str(tmp_path / "p"), keys=keys)

    @sa.event.listens_for(store.engine, "connect")
    def limit(connection: object, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA max_page_count={pages + 2}")  # type: ignore[attr-defined]

    store.engine.dispose()

    def submit_many() -> None:
        with store.transaction(SYSTEM) as tx:
            for number in range(200):
                tx.control_numbers.reserve("p", "isa13")
                tx.authorizations.add(request(number), partner="p", digest="d")

    with pytest.raises(StoreUnavailable, match="disk is full") as raised:
        submit_many()
    assert "Free space" in raised.value.fix
    assert raised.value.retryable
    with store.transaction(SYSTEM) as tx:
        assert tx.authorizations.list() == []
        assert tx.control_numbers.list("p") == []
        assert tx.control_numbers.reserve("p", "isa13") == 1
    store.dispose()


def test_an_error_of_the_database_never_shows_a_value(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        tx.claims.add(claim(1), partner="p", digest="d")
    with pytest.raises(GatewayError) as raised, store.transaction(SYSTEM) as tx:
        tx.claims.add(
            claim(1, clinic="b", id=f"cl_{'y' * 22}", control_number=claim(1).control_number), partner="p", digest="d"
        )
    assert any(part in str(raised.value) for part in ("uq_claims_control_number", "claims.control_number"))
    shown = f"{raised.value} {raised.value.__cause__}"
    for secret in SECRETS:
        assert secret not in shown


def test_what_cannot_be_reached_is_tried_again(keys: Keyring, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as raised:
        Store.open(f"postgresql+psycopg://nobody@/none?host={tmp_path}", payloads=str(tmp_path), keys=keys)
    assert raised.value.retryable


def test_connections_that_the_server_dropped_are_replaced(store: Store, database_kind: str) -> None:
    if database_kind == "sqlite":
        pytest.skip("SQLite has no server")
    with store.transaction(SYSTEM) as tx:
        tx.control_numbers.reserve("p", "isa13")
    with store.engine.connect() as killer, store.engine.connect() as idle:
        dropped = idle.execute(sa.text("SELECT pg_backend_pid()")).scalar()
        idle.close()
        killer.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": dropped})
    failures: list[StoreUnavailable] = []
    while len(failures) < 4:  # Each pooled connection may fail once.
        try:
            with store.transaction(SYSTEM) as tx:
                number = tx.control_numbers.reserve("p", "isa13")
            break
        except StoreUnavailable as error:
            failures.append(error)
    assert number == 2
    assert len(failures) <= 2
    assert all(error.retryable for error in failures)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "memory forgets"),
        ("mysql://host/name", "is not a database"),
        ("nonsense", "cannot be read"),
    ],
)
def test_an_address_that_cannot_serve_is_refused(url: str, said: str, keys: Keyring, tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match=said):
        Store.open(url, payloads=str(tmp_path), keys=keys)


def test_sqlite_keeps_what_it_promises(tmp_path: Path, sqlite_template: Path, keys: Keyring) -> None:
    path = tmp_path / "gateway.db"
    shutil.copy(sqlite_template, path)
    store = Store.open(f"sqlite:///{path}", payloads=str(tmp_path / "p"), keys=keys)
    with store.engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    store.dispose()


def test_reading_waits_for_no_writer_and_sees_one_state(store: Store) -> None:
    with store.transaction(SYSTEM) as writer:
        writer.control_numbers.reserve("p", "isa13")
        with store.transaction(SYSTEM, read_only=True) as reader:
            assert reader.control_numbers.list("p") == []
    with store.transaction(SYSTEM, read_only=True) as reader:
        assert len(reader.control_numbers.list("p")) == 1
        with store.transaction(SYSTEM) as writer:
            writer.control_numbers.reserve("p", "isa13")
        assert len(reader.control_numbers.list("p")) == 1


def test_importing_the_store_does_not_import_alembic() -> None:
    looked = "import sys, gateway.store; print('alembic' in sys.modules, 'fsspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", looked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
