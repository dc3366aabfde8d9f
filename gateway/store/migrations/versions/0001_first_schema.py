"""The first schema: documents, inputs, people, control numbers, jobs, records, identifiers, events, tasks, books."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_APPEND_ONLY = {
    "inputs": "seq, id, organisation, clinic, kind, name, actor, holds_on, document, recorded_at",
    "events": "",
    "entries": "",
    "postings": "",
    "money_entries": "",
    "money_lines": "",
}
"""Tables that nobody changes, with the columns that this is about: all, but for one that a new key seals again."""


def upgrade() -> None:
    _create_tables()
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for table, columns in _APPEND_ONLY.items():
        of = f"OF {columns} " if columns else ""
        for event in (f"UPDATE {of}", "DELETE "):
            name = f"{table}_no_{event.split()[0].lower()}"
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event}ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; "
        "END $$"
    )
    for table, columns in _APPEND_ONLY.items():
        of = f"OF {columns} " if columns else ""
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE {of}OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _create_tables() -> None:
    op.create_table(
        "authorizations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("administrative_reference", sa.Text(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorizations")),
        sa.UniqueConstraint(
            "organisation", "clinic", "client_key", name=op.f("uq_authorizations_organisation_clinic_client_key")
        ),
    )
    op.create_index("ix_authorizations_number", "authorizations", ["number"], unique=False)
    op.create_index("ix_authorizations_state", "authorizations", ["state", "partner"], unique=False)
    op.create_table(
        "buckets",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("authorization", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("procedures", sa.JSON(), nullable=False),
        sa.Column("modifiers", sa.JSON(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("limited", sa.Boolean(), nullable=False),
        sa.Column("window_source", sa.Text(), nullable=False),
        sa.Column("quantity_source", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_buckets")),
    )
    op.create_index(op.f("ix_buckets_authorization"), "buckets", ["authorization"], unique=False)
    op.create_index(op.f("ix_buckets_ends_on"), "buckets", ["ends_on"], unique=False)
    op.create_table(
        "claims",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("control_number", sa.Text(), nullable=False),
        sa.Column("authorization", sa.String(length=64), nullable=False),
        sa.Column("payer_claim_number", sa.Text(), nullable=False),
        sa.Column("charge", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("control_number", name=op.f("uq_claims_control_number")),
        sa.UniqueConstraint(
            "organisation", "clinic", "client_key", name=op.f("uq_claims_organisation_clinic_client_key")
        ),
    )
    op.create_index(op.f("ix_claims_authorization"), "claims", ["authorization"], unique=False)
    op.create_index("ix_claims_state", "claims", ["state", "partner"], unique=False)
    op.create_table(
        "control_counters",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "kind", name=op.f("pk_control_counters")),
    )
    op.create_table(
        "control_numbers",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reserved_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("partner", "kind", "number", name=op.f("pk_control_numbers")),
    )
    op.create_table(
        "document_clinics",
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("document", "organisation", "clinic", name=op.f("pk_document_clinics")),
    )
    op.create_index("ix_document_clinics_owner", "document_clinics", ["organisation", "clinic"], unique=False)
    op.create_table(
        "documents",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_documents_direction")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_documents")),
        sa.UniqueConstraint("id", name=op.f("uq_documents_id")),
    )
    op.create_index(op.f("ix_documents_payload"), "documents", ["payload"], unique=False)
    op.create_index("ix_documents_state", "documents", ["direction", "state"], unique=False)
    op.create_table(
        "entries",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("holds_on", sa.Date(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("claim", sa.String(length=64), nullable=False),
        sa.Column("authorization", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("visit_key", sa.Text(), nullable=False),
        sa.Column("reverses", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_entries")),
        sa.UniqueConstraint("id", name=op.f("uq_entries_id")),
    )
    op.create_index(op.f("ix_entries_authorization"), "entries", ["authorization"], unique=False)
    op.create_index(op.f("ix_entries_claim"), "entries", ["claim"], unique=False)
    op.create_index(op.f("ix_entries_document"), "entries", ["document"], unique=False)
    op.create_table(
        "events",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
    )
    op.create_index("ix_events_subject", "events", ["subject", "seq"], unique=False)
    op.create_table(
        "identifiers",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_identifiers")),
        sa.UniqueConstraint(
            "subject", "kind", "value", "partner", name=op.f("uq_identifiers_subject_kind_value_partner")
        ),
    )
    op.create_index("ix_identifiers_value", "identifiers", ["value", "kind"], unique=False)
    op.create_table(
        "inputs",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("holds_on", sa.Date(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.CheckConstraint("kind IN ('document', 'command', 'decision')", name=op.f("ck_inputs_kind")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_inputs")),
        sa.UniqueConstraint("id", name=op.f("uq_inputs_id")),
    )
    op.create_table(
        "jobs",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("leased_until", _INSTANT, nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("attempts_max", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'parked', 'done')", name=op.f("ck_jobs_state")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
    )
    op.create_index(
        "ix_jobs_lane_waiting",
        "jobs",
        ["lane", "due_at", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting' AND lane <> ''"),
        postgresql_where=sa.text("state = 'waiting' AND lane <> ''"),
    )
    op.create_index(
        "ix_jobs_waiting",
        "jobs",
        ["due_at", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_jobs_key_open",
        "jobs",
        ["key"],
        unique=True,
        sqlite_where=sa.text("key <> '' AND state <> 'done'"),
        postgresql_where=sa.text("key <> '' AND state <> 'done'"),
    )
    op.create_table(
        "lanes",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("leased_until", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_lanes")),
    )
    op.create_table(
        "money_entries",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("holds_on", sa.Date(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("claim", sa.String(length=64), nullable=False),
        sa.Column("authorization", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reverses", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_money_entries")),
        sa.UniqueConstraint("id", name=op.f("uq_money_entries_id")),
    )
    op.create_index(op.f("ix_money_entries_authorization"), "money_entries", ["authorization"], unique=False)
    op.create_index(op.f("ix_money_entries_claim"), "money_entries", ["claim"], unique=False)
    op.create_index(op.f("ix_money_entries_document"), "money_entries", ["document"], unique=False)
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("member_key", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
    )
    op.create_index("ix_people_member", "people", ["organisation", "member_key"], unique=False)
    op.create_index("ix_people_name", "people", ["organisation", "name_key"], unique=False)
    op.create_table(
        "remittances",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("payer_id", sa.Text(), nullable=False),
        sa.Column("check_number", sa.Text(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_remittances")),
        sa.UniqueConstraint("id", name=op.f("uq_remittances_id")),
        sa.UniqueConstraint(
            "payer_id", "check_number", "paid_on", name=op.f("uq_remittances_payer_id_check_number_paid_on")
        ),
    )
    op.create_index(op.f("ix_remittances_document"), "remittances", ["document"], unique=False)
    op.create_table(
        "seen",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("partner", "key", name=op.f("pk_seen")),
    )
    op.create_table(
        "tasks",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.Column("closed_for", sa.Text(), nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_tasks")),
        sa.UniqueConstraint("id", name=op.f("uq_tasks_id")),
        sa.UniqueConstraint("key", "organisation", "clinic", name=op.f("uq_tasks_key_organisation_clinic")),
    )
    op.create_index(op.f("ix_tasks_subject"), "tasks", ["subject"], unique=False)
    op.create_table(
        "money_lines",
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["money_entries.id"], name=op.f("fk_money_lines_entry")),
        sa.PrimaryKeyConstraint("entry", "number", name=op.f("pk_money_lines")),
    )
    op.create_index(op.f("ix_money_lines_account"), "money_lines", ["account"], unique=False)
    op.create_table(
        "postings",
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("bucket", sa.String(length=64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_postings_moves")),
        sa.ForeignKeyConstraint(["bucket"], ["buckets.id"], name=op.f("fk_postings_bucket")),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_postings_entry")),
        sa.PrimaryKeyConstraint("entry", "number", name=op.f("pk_postings")),
    )
    op.create_index("ix_postings_bucket", "postings", ["bucket", "source", "target", "quantity"], unique=False)
