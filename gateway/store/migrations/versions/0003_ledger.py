"""What the ledger of authorizations, its rules and the 835 keep: visits, coverage, plans of care, payments and denials,
provider-level adjustments, deposits, deadlines, published tables."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "appointments",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("digests", sa.JSON(), nullable=False),
        sa.Column("patient_key", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("authorization", sa.String(length=64), nullable=False),
        sa.Column("visit_key", sa.String(length=64), nullable=False),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column("discipline", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held", sa.JSON(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_appointments"),
        sa.UniqueConstraint(
            "organisation", "clinic", "client_key", name="uq_appointments_organisation_clinic_client_key"
        ),
    )
    op.create_index("ix_appointments_authorization", "appointments", ["authorization"], unique=False)
    op.create_index("ix_appointments_patient", "appointments", ["organisation", "clinic", "patient_key"], unique=False)
    op.create_index("ix_appointments_served_on", "appointments", ["served_on"], unique=False)
    op.create_index("ix_appointments_visit_key", "appointments", ["visit_key"], unique=False)
    op.create_table(
        "instructions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("patient_key", sa.Text(), nullable=False),
        sa.Column("authorization", sa.String(length=64), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instructions"),
        sa.UniqueConstraint(
            "organisation", "clinic", "client_key", name="uq_instructions_organisation_clinic_client_key"
        ),
    )
    op.create_index("ix_instructions_authorization", "instructions", ["authorization"], unique=False)
    op.create_index("ix_instructions_patient", "instructions", ["organisation", "clinic", "patient_key"], unique=False)
    op.create_table(
        "claim_lines",
        sa.Column("control_number", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("claim", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("procedure", sa.Text(), nullable=False),
        sa.Column("modifiers", sa.JSON(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("charge", sa.BigInteger(), nullable=False),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column("authorization", sa.String(length=64), nullable=False),
        sa.Column("bucket", sa.String(length=64), nullable=False),
        sa.Column("visit_key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("control_number", name="pk_claim_lines"),
    )
    op.create_index("ix_claim_lines_authorization", "claim_lines", ["authorization"], unique=False)
    op.create_index("ix_claim_lines_claim", "claim_lines", ["claim"], unique=False)
    op.create_index("ix_claim_lines_served_on", "claim_lines", ["served_on"], unique=False)
    op.create_index("ix_claim_lines_visit_key", "claim_lines", ["visit_key"], unique=False)
    op.create_table(
        "coverages",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("patient_key", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_coverages"),
        sa.UniqueConstraint("organisation", "clinic", "client_key", name="uq_coverages_organisation_clinic_client_key"),
    )
    op.create_index("ix_coverages_patient", "coverages", ["organisation", "clinic", "patient_key"], unique=False)
    op.create_table(
        "deadlines",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("counted", sa.Text(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("paused_at", _INSTANT, nullable=True),
        sa.Column("paused_s", sa.BigInteger(), nullable=False),
        sa.Column("alerted", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deadlines"),
    )
    op.create_index("ix_deadlines_due", "deadlines", ["ended_at", "due_at"], unique=False)
    op.create_index("ix_deadlines_subject", "deadlines", ["subject", "kind"], unique=False)
    op.create_table(
        "denials",
        sa.Column("payment", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("claim", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remarks", sa.JSON(), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("payment", "number", name="pk_denials"),
    )
    op.create_index("ix_denials_claim", "denials", ["claim"], unique=False)
    op.create_index("ix_denials_reason", "denials", ["reason"], unique=False)
    op.create_table(
        "deposits",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("trace_number", sa.Text(), nullable=False),
        sa.Column("payer_id", sa.Text(), nullable=False),
        sa.Column("check_number", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remittance", sa.String(length=64), nullable=False),
        sa.Column("matched_on", sa.Text(), nullable=False),
        sa.Column("confidence", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_deposits"),
        sa.UniqueConstraint("id", name="uq_deposits_id"),
    )
    op.create_index("ix_deposits_check_number", "deposits", ["check_number"], unique=False)
    op.create_index("ix_deposits_document", "deposits", ["document"], unique=False)
    op.create_index("ix_deposits_remittance", "deposits", ["remittance"], unique=False)
    op.create_table(
        "payments",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("remittance", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("claim", sa.String(length=64), nullable=False),
        sa.Column("control_number", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("charge", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("settles", sa.BigInteger(), nullable=False),
        sa.Column("payer_claim_number", sa.Text(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("produced_on", sa.Date(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("reverses", sa.String(length=64), nullable=False),
        sa.Column("matched_on", sa.Text(), nullable=False),
        sa.Column("confidence", sa.BigInteger(), nullable=False),
        sa.Column("adjustments", sa.JSON(), nullable=False),
        sa.Column("remarks", sa.JSON(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_payments"),
        sa.UniqueConstraint("id", name="uq_payments_id"),
        sa.UniqueConstraint("remittance", "number", name="uq_payments_remittance_number"),
    )
    op.create_index("ix_payments_claim", "payments", ["claim"], unique=False)
    op.create_index(
        "ix_payments_control_number_unknown",
        "payments",
        ["control_number"],
        unique=False,
        sqlite_where=sa.text("claim = ''"),
        postgresql_where=sa.text("claim = ''"),
    )
    op.create_index("ix_payments_payer_claim_number", "payments", ["payer_claim_number"], unique=False)
    op.create_table(
        "plans_of_care",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("patient_key", sa.Text(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("discipline", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans_of_care"),
        sa.UniqueConstraint(
            "organisation", "clinic", "client_key", name="uq_plans_of_care_organisation_clinic_client_key"
        ),
    )
    op.create_index(
        "ix_plans_of_care_patient", "plans_of_care", ["organisation", "clinic", "patient_key"], unique=False
    )
    op.create_table(
        "provider_adjustments",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("clinic", sa.Text(), nullable=False),
        sa.Column("remittance", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("period_ends_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("matched", sa.String(length=64), nullable=False),
        sa.Column("matched_on", sa.Text(), nullable=False),
        sa.Column("confidence", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_provider_adjustments"),
        sa.UniqueConstraint("id", name="uq_provider_adjustments_id"),
        sa.UniqueConstraint("remittance", "number", name="uq_provider_adjustments_remittance_number"),
    )
    op.create_index("ix_provider_adjustments_matched", "provider_adjustments", ["matched"], unique=False)
    op.create_index("ix_provider_adjustments_reference", "provider_adjustments", ["reference"], unique=False)
    op.create_table(
        "reference_files",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_reference_files"),
        sa.UniqueConstraint("id", name="uq_reference_files_id"),
        sa.UniqueConstraint("kind", "digest", name="uq_reference_files_kind_digest"),
    )
    op.create_table(
        "reference_rows",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("kind", "code", "other", "starts_on", name="pk_reference_rows"),
    )
    op.create_index("ix_reference_rows_file", "reference_rows", ["file"], unique=False)
    op.add_column("authorizations", sa.Column("payer", sa.Text(), nullable=False, server_default=""))
    op.add_column("authorizations", sa.Column("patient_key", sa.Text(), nullable=False, server_default=""))
    op.add_column("authorizations", sa.Column("service_type", sa.Text(), nullable=False, server_default=""))
    op.add_column("authorizations", sa.Column("kind", sa.Text(), nullable=False, server_default=""))
    op.add_column("authorizations", sa.Column("level", sa.Text(), nullable=False, server_default=""))
    op.add_column("authorizations", sa.Column("parent", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("authorizations", sa.Column("decision_stamp", sa.Text(), nullable=False, server_default=""))
    op.add_column("authorizations", sa.Column("sent_at", _INSTANT, nullable=True))
    op.add_column("authorizations", sa.Column("decided_at", _INSTANT, nullable=True))
    op.create_index("ix_authorizations_parent", "authorizations", ["parent"], unique=False)
    op.create_index(
        "ix_authorizations_patient", "authorizations", ["organisation", "clinic", "patient_key"], unique=False
    )
    op.add_column("claims", sa.Column("payer", sa.Text(), nullable=False, server_default=""))
    op.add_column("claims", sa.Column("patient_key", sa.Text(), nullable=False, server_default=""))
    op.add_column("claims", sa.Column("parent", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("claims", sa.Column("frequency", sa.Text(), nullable=False, server_default=""))
    op.add_column("claims", sa.Column("replaces", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("claims", sa.Column("served_from", sa.Date(), nullable=True))
    op.add_column("claims", sa.Column("served_to", sa.Date(), nullable=True))
    op.add_column("claims", sa.Column("sent_at", _INSTANT, nullable=True))
    op.create_index("ix_claims_parent", "claims", ["parent"], unique=False)
    op.create_index("ix_claims_replaces", "claims", ["replaces"], unique=False)
    op.create_index("ix_claims_patient", "claims", ["organisation", "clinic", "patient_key"], unique=False)
    op.create_index("ix_claims_payer_claim_number", "claims", ["payer_claim_number"], unique=False)
    op.add_column("inputs", sa.Column("seed", sa.Text(), nullable=False, server_default=""))
    op.add_column("inputs", sa.Column("configuration", sa.Text(), nullable=False, server_default=""))
    op.add_column("remittances", sa.Column("produced_on", sa.Date(), nullable=True))
    op.add_column("remittances", sa.Column("method", sa.Text(), nullable=False, server_default=""))
    op.add_column("remittances", sa.Column("payee", sa.Text(), nullable=False, server_default=""))
    op.add_column("remittances", sa.Column("claims", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("remittances", sa.Column("posted", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("remittances", sa.Column("digest", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_remittances_check_number", "remittances", ["check_number"], unique=False)
    op.create_index("ix_entries_visit_key", "entries", ["visit_key"], unique=False)
