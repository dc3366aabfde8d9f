"""Every table of the database, once, for SQLite and PostgreSQL. The migrations make them; a test compares the two.

Columns that say something about a patient are sealed (``record``, ``content``, ``sealed``) or keyed hashes (``*_key``).
Owned tables carry organisation and clinic. Holds no queries.
"""

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.store.session import own


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant in UTC, aware on both databases. SQLite keeps ISO text of one width, so that it sorts."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return sa.String(32) if dialect.name == "sqlite" else sa.DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        assert value.tzinfo is not None, "an instant without a zone is not an instant"
        value = value.astimezone(UTC)
        return value.isoformat(timespec="microseconds") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up INTEGER keys only.


def _id(name: str = "id", **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), **options)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, default="", **options)


def _at(name: str, **options: Any) -> sa.Column[datetime]:
    return sa.Column(name, Instant, nullable=options.pop("nullable", False), **options)


def _on(name: str, *, nullable: bool = True) -> sa.Column[date]:
    return sa.Column(name, sa.Date, nullable=nullable)


def _plain(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON, nullable=False)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", _Serial, sa.Identity(), primary_key=True)


def _count(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, default=default)


def _owner() -> tuple[sa.Column[str], sa.Column[str]]:
    return _text("organisation"), _text("clinic")


documents = sa.Table(
    "documents",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    _text("direction"),
    _text("partner"),
    _text("name"),
    _text("payload", index=True),
    _text("kind"),
    _count("size"),
    _text("state"),
    _text("reason"),
    _plain("about"),
    _at("recorded_at"),
    _at("changed_at"),
    sa.CheckConstraint("direction IN ('in', 'out')", name="direction"),
    sa.Index("ix_documents_state", "direction", "state"),
)

document_clinics = sa.Table(
    "document_clinics",
    metadata,
    _id("document", primary_key=True),
    sa.Column("organisation", sa.Text, primary_key=True),
    sa.Column("clinic", sa.Text, primary_key=True),
    sa.Index("ix_document_clinics_owner", "organisation", "clinic"),
)

inputs = sa.Table(
    "inputs",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _text("kind"),
    _text("name"),
    _text("actor"),
    _on("holds_on", nullable=False),
    _id("document", nullable=False, default=""),
    _text("seed"),
    _text("configuration"),
    sa.Column("content", sa.LargeBinary, nullable=False),
    _at("recorded_at"),
    sa.CheckConstraint("kind IN ('document', 'command', 'decision')", name="kind"),
)

people = sa.Table(
    "people",
    metadata,
    _id(primary_key=True),
    *_owner(),
    _text("member_key"),
    _text("name_key"),
    sa.Column("record", sa.LargeBinary, nullable=False),
    _at("recorded_at"),
    sa.Index("ix_people_member", "organisation", "member_key"),
    sa.Index("ix_people_name", "organisation", "name_key"),
)

control_counters = sa.Table(
    "control_counters",
    metadata,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    _count("last"),
)

control_numbers = sa.Table(
    "control_numbers",
    metadata,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("state"),
    _id("document", nullable=False, default=""),
    _text("digest"),
    _text("reason"),
    _at("reserved_at"),
    _at("changed_at"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _text("kind"),
    _text("partner"),
    _text("lane"),
    _text("key"),
    _plain("payload"),
    _text("state"),
    _text("reason"),
    _text("node"),
    _at("due_at"),
    _at("leased_until", nullable=True),
    _count("fence"),
    _count("attempts"),
    _count("attempts_max"),
    _at("created_at"),
    _at("changed_at"),
    sa.CheckConstraint("state IN ('waiting', 'parked', 'done')", name="state"),
    sa.Index(
        "uq_jobs_key_open",
        "key",
        unique=True,
        sqlite_where=sa.text("key <> '' AND state <> 'done'"),
        postgresql_where=sa.text("key <> '' AND state <> 'done'"),
    ),
    sa.Index(
        "ix_jobs_waiting",
        "due_at",
        "seq",
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    ),
    sa.Index(
        "ix_jobs_lane_waiting",
        "lane",
        "due_at",
        "seq",
        sqlite_where=sa.text("state = 'waiting' AND lane <> ''"),
        postgresql_where=sa.text("state = 'waiting' AND lane <> ''"),
    ),
)

lanes = sa.Table(
    "lanes",
    metadata,
    sa.Column("lane", sa.Text, primary_key=True),
    _id("job", nullable=False, default=""),
    _at("leased_until", nullable=True),
)

authorizations = sa.Table(
    "authorizations",
    metadata,
    _id(primary_key=True),
    *_owner(),
    _text("client_key"),
    _text("digest"),
    _text("partner"),
    _id("document", nullable=False, default=""),
    _text("state"),
    _text("reason"),
    _text("number"),
    _text("administrative_reference"),
    _text("payer"),
    _text("patient_key"),
    _text("service_type"),
    _text("kind"),
    _text("level"),
    _id("parent", nullable=False, default=""),
    _text("decision_stamp"),
    _on("decided_on"),
    _on("starts_on"),
    _on("ends_on"),
    _at("sent_at", nullable=True),
    _at("decided_at", nullable=True),
    sa.Column("record", sa.LargeBinary, nullable=False),
    _count("version", 1),
    _at("created_at"),
    _at("changed_at"),
    sa.UniqueConstraint("organisation", "clinic", "client_key"),
    sa.Index("ix_authorizations_state", "state", "partner"),
    sa.Index("ix_authorizations_number", "number"),
    sa.Index("ix_authorizations_patient", "organisation", "clinic", "patient_key"),
    sa.Index("ix_authorizations_parent", "parent"),
)

claims = sa.Table(
    "claims",
    metadata,
    _id(primary_key=True),
    *_owner(),
    _text("client_key"),
    _text("digest"),
    _text("partner"),
    _id("document", nullable=False, default=""),
    _text("state"),
    _text("reason"),
    sa.Column("control_number", sa.Text, nullable=False, unique=True),
    _id("authorization", nullable=False, default="", index=True),
    _text("payer_claim_number"),
    _count("charge"),
    _text("payer"),
    _text("patient_key"),
    _id("parent", nullable=False, default="", index=True),
    _text("frequency"),
    _id("replaces", nullable=False, default="", index=True),
    _on("served_from"),
    _on("served_to"),
    _at("sent_at", nullable=True),
    sa.Column("record", sa.LargeBinary, nullable=False),
    _count("version", 1),
    _at("created_at"),
    _at("changed_at"),
    sa.UniqueConstraint("organisation", "clinic", "client_key"),
    sa.Index("ix_claims_state", "state", "partner"),
    sa.Index("ix_claims_patient", "organisation", "clinic", "patient_key"),
    sa.Index("ix_claims_payer_claim_number", "payer_claim_number"),
)

claim_lines = sa.Table(
    "claim_lines",
    metadata,
    sa.Column("control_number", sa.Text, primary_key=True),
    *_owner(),
    _id("claim", nullable=False, index=True),
    _count("number"),
    _text("procedure"),
    _plain("modifiers"),
    _count("units"),
    _count("charge"),
    sa.Column("served_on", sa.Date, nullable=False, index=True),
    _id("authorization", nullable=False, default="", index=True),
    _id("bucket", nullable=False, default=""),
    _id("visit_key", nullable=False, default="", index=True),
)

appointments = sa.Table(
    "appointments",
    metadata,
    _id(primary_key=True),
    *_owner(),
    _text("client_key"),
    _text("digest"),
    _plain("digests"),
    _text("patient_key"),
    _text("payer"),
    _id("authorization", nullable=False, default="", index=True),
    _id("visit_key", nullable=False, default="", index=True),
    sa.Column("served_on", sa.Date, nullable=False, index=True),
    _text("discipline"),
    _text("state"),
    _plain("held"),
    _id("document", nullable=False, default=""),
    sa.Column("record", sa.LargeBinary, nullable=False),
    _count("version", 1),
    _at("created_at"),
    _at("changed_at"),
    sa.UniqueConstraint("organisation", "clinic", "client_key"),
    sa.Index("ix_appointments_patient", "organisation", "clinic", "patient_key"),
)

instructions = sa.Table(
    "instructions",
    metadata,
    _id(primary_key=True),
    *_owner(),
    _text("client_key"),
    _text("digest"),
    _text("kind"),
    _text("patient_key"),
    _id("authorization", nullable=False, default="", index=True),
    _id("document", nullable=False, default=""),
    sa.Column("record", sa.LargeBinary, nullable=False),
    _count("version", 1),
    _at("created_at"),
    _at("changed_at"),
    sa.UniqueConstraint("organisation", "clinic", "client_key"),
    sa.Index("ix_instructions_patient", "organisation", "clinic", "patient_key"),
)


def _told(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """What a clinic told of a patient beside requests and claims; the latest of it counts."""
    return sa.Table(
        name,
        metadata,
        _id(primary_key=True),
        *_owner(),
        _text("client_key"),
        _text("digest"),
        _text("patient_key"),
        _text("payer"),
        *columns,
        _id("document", nullable=False, default=""),
        sa.Column("record", sa.LargeBinary, nullable=False),
        _count("version", 1),
        _at("created_at"),
        _at("changed_at"),
        sa.UniqueConstraint("organisation", "clinic", "client_key"),
        sa.Index(f"ix_{name}_patient", "organisation", "clinic", "patient_key"),
    )


coverages = _told("coverages", _on("checked_on", nullable=False))
plans_of_care = _told("plans_of_care", _text("discipline"), _on("starts_on", nullable=False))

deadlines = sa.Table(
    "deadlines",
    metadata,
    _id(primary_key=True),
    *_owner(),
    _id("subject", nullable=False),
    _text("kind"),
    _text("policy"),
    _text("counted"),
    _at("started_at"),
    _at("due_at"),
    _at("paused_at", nullable=True),
    _count("paused_s"),
    _count("alerted"),
    _at("ended_at", nullable=True),
    _text("outcome"),
    sa.Index("ix_deadlines_subject", "subject", "kind"),
    sa.Index("ix_deadlines_due", "ended_at", "due_at"),
)

reference_files = sa.Table(
    "reference_files",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    _text("kind"),
    _text("name"),
    _text("digest"),
    _on("starts_on"),
    _on("ends_on"),
    _count("rows"),
    _plain("about"),
    _text("actor"),
    _at("recorded_at"),
    sa.UniqueConstraint("kind", "digest"),
)

reference_rows = sa.Table(
    "reference_rows",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("other", sa.Text, primary_key=True),
    sa.Column("starts_on", sa.Date, primary_key=True),
    _on("ends_on"),
    _plain("content"),
    _id("file", nullable=False),
    sa.Index("ix_reference_rows_file", "file"),
)

identifiers = sa.Table(
    "identifiers",
    metadata,
    _seq(),
    *_owner(),
    _id("subject", nullable=False),
    _text("kind"),
    _text("value"),
    sa.Column("sealed", sa.LargeBinary),
    _text("partner"),
    _id("document", nullable=False, default=""),
    _at("recorded_at"),
    sa.UniqueConstraint("subject", "kind", "value", "partner"),
    sa.Index("ix_identifiers_value", "value", "kind"),
)

events = sa.Table(
    "events",
    metadata,
    _seq(),
    *_owner(),
    _id("subject", nullable=False),
    _text("what"),
    _id("document", nullable=False, default=""),
    _text("actor"),
    _plain("detail"),
    _at("recorded_at"),
    sa.Index("ix_events_subject", "subject", "seq"),
)

tasks = sa.Table(
    "tasks",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _text("key"),
    _text("kind"),
    _id("subject", nullable=False, default="", index=True),
    _text("reason"),
    _text("fix"),
    _text("closed_for"),
    _at("opened_at"),
    _at("closed_at", nullable=True),
    sa.UniqueConstraint("key", "organisation", "clinic"),
)

buckets = sa.Table(
    "buckets",
    metadata,
    _id(primary_key=True),
    *_owner(),
    _id("authorization", nullable=False, index=True),
    _text("number"),
    _plain("procedures"),
    _plain("modifiers"),
    _text("unit"),
    _on("starts_on"),
    sa.Column("ends_on", sa.Date, index=True),
    sa.Column("limited", sa.Boolean, nullable=False),
    _text("window_source"),
    _text("quantity_source"),
    _count("line"),
    _at("recorded_at"),
)


def _cause() -> tuple[sa.Column[Any], ...]:
    return (
        _id("document", nullable=False, default="", index=True),
        _text("segment"),
        _text("line"),
        _id("claim", nullable=False, default="", index=True),
        _id("authorization", nullable=False, default="", index=True),
        _text("actor"),
    )


entries = sa.Table(
    "entries",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _text("kind"),
    _on("holds_on", nullable=False),
    *_cause(),
    _text("visit_key", index=True),
    _id("reverses", nullable=False, default=""),
    _text("note"),
    _at("recorded_at"),
)

postings = sa.Table(
    "postings",
    metadata,
    _id("entry", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    *_owner(),
    _id("bucket", nullable=False),
    _text("source"),
    _text("target"),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(["entry"], ["entries.id"]),
    sa.ForeignKeyConstraint(["bucket"], ["buckets.id"]),
    sa.CheckConstraint("quantity > 0", name="moves"),
    sa.Index("ix_postings_bucket", "bucket", "source", "target", "quantity"),
)

money_entries = sa.Table(
    "money_entries",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _text("kind"),
    _on("holds_on", nullable=False),
    *_cause(),
    _id("reverses", nullable=False, default=""),
    _text("note"),
    _at("recorded_at"),
)

money_lines = sa.Table(
    "money_lines",
    metadata,
    _id("entry", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    *_owner(),
    _text("account", index=True),
    sa.Column("cents", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(["entry"], ["money_entries.id"]),
)

remittances = sa.Table(
    "remittances",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _text("payer_id"),
    _text("check_number", index=True),
    _on("paid_on", nullable=False),
    _on("produced_on"),
    _text("method"),
    _text("payee"),
    _count("amount"),
    _count("claims"),
    _count("posted"),
    _text("digest"),
    _id("document", nullable=False, default="", index=True),
    _text("state"),
    _text("reason"),
    _at("recorded_at"),
    _at("changed_at"),
    sa.UniqueConstraint("payer_id", "check_number", "paid_on"),
)

payments = sa.Table(
    "payments",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _id("remittance", nullable=False),
    _count("number"),
    _id("claim", nullable=False, default="", index=True),
    _text("control_number"),
    _text("status"),
    _count("charge"),
    _count("paid"),
    _count("settles"),
    _text("payer_claim_number", index=True),
    _on("paid_on", nullable=False),
    _on("produced_on"),
    _text("state"),
    _text("reason"),
    _text("held"),
    _text("effect"),
    _id("reverses", nullable=False, default=""),
    _text("matched_on"),
    _count("confidence"),
    _plain("adjustments"),
    _plain("remarks"),
    _plain("lines"),
    _id("document", nullable=False, default=""),
    _at("recorded_at"),
    _at("changed_at"),
    sa.UniqueConstraint("remittance", "number"),
    sa.Index(
        "ix_payments_control_number_unknown",
        "control_number",
        sqlite_where=sa.text("claim = ''"),
        postgresql_where=sa.text("claim = ''"),
    ),
)

denials = sa.Table(
    "denials",
    metadata,
    _id("payment", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    *_owner(),
    _id("claim", nullable=False, default="", index=True),
    _text("line"),
    _text("group_code"),
    _text("reason", index=True),
    _plain("remarks"),
    _count("cents"),
    _text("topic"),
    _on("paid_on", nullable=False),
)

provider_adjustments = sa.Table(
    "provider_adjustments",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _id("remittance", nullable=False),
    _count("number"),
    _text("provider"),
    _on("period_ends_on"),
    _text("reason"),
    _text("reference", index=True),
    _count("amount"),
    _text("state"),
    _id("matched", nullable=False, default="", index=True),
    _text("matched_on"),
    _count("confidence"),
    _at("recorded_at"),
    _at("changed_at"),
    sa.UniqueConstraint("remittance", "number"),
)

deposits = sa.Table(
    "deposits",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    *_owner(),
    _id("document", nullable=False, default="", index=True),
    _text("trace_number"),
    _text("payer_id"),
    _text("check_number", index=True),
    _count("amount"),
    _on("paid_on", nullable=False),
    _text("state"),
    _text("reason"),
    _id("remittance", nullable=False, default="", index=True),
    _text("matched_on"),
    _count("confidence"),
    _at("recorded_at"),
    _at("changed_at"),
)

seen = sa.Table(
    "seen",
    metadata,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    _id("document", nullable=False, default=""),
    _at("recorded_at"),
)

as2_messages = sa.Table(
    "as2_messages",
    metadata,
    _seq(),
    _id(nullable=False, unique=True),
    _text("direction"),
    _text("partner"),
    _text("message_id"),
    _id("key", nullable=False),
    _id("document", nullable=False, default="", index=True),
    _plain("contents"),
    _text("payload"),
    _text("state"),
    _text("reason"),
    _text("mic"),
    _text("mic_algorithm"),
    _text("disposition"),
    _text("mdn"),
    _plain("mdn_headers"),
    _text("mdn_url"),
    _at("mdn_sent_at", nullable=True),
    _count("attempts", 1),
    _at("recorded_at"),
    _at("changed_at"),
    sa.UniqueConstraint("direction", "partner", "key"),
    sa.CheckConstraint("direction IN ('in', 'out')", name="direction"),
    sa.Index("ix_as2_messages_state", "direction", "state"),
)

APPEND_ONLY = {
    "inputs": ("content",),
    "events": (),
    "entries": (),
    "postings": (),
    "money_entries": (),
    "money_lines": (),
}
"""The tables whose rows nobody changes or deletes, and the sealed columns that a new key may seal again."""

SEALED = {
    "inputs": "content",
    "people": "record",
    "authorizations": "record",
    "claims": "record",
    "coverages": "record",
    "plans_of_care": "record",
    "appointments": "record",
    "instructions": "record",
    "identifiers": "sealed",
}
"""The column of each table that holds sealed text; its context is the table's name and the row's id."""

for _prefix, _table in (
    ("au", authorizations),
    ("cl", claims),
    ("re", remittances),
    ("pa", payments),
    ("pl", provider_adjustments),
    ("de", deposits),
    ("pe", people),
    ("in", inputs),
    ("jo", jobs),
    ("ap", appointments),
    ("is", instructions),
    ("co", coverages),
    ("pc", plans_of_care),
):
    own(_prefix, _table)
