"""Messages over AS2: what was sent and came in under which Message-ID, and the receipt of each."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "as2_messages",
        sa.Column("seq", _SERIAL, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("mic", sa.Text(), nullable=False),
        sa.Column("mic_algorithm", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("mdn", sa.Text(), nullable=False),
        sa.Column("mdn_headers", sa.JSON(), nullable=False),
        sa.Column("mdn_url", sa.Text(), nullable=False),
        sa.Column("mdn_sent_at", _INSTANT, nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_as2_messages_direction")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_as2_messages")),
        sa.UniqueConstraint("id", name=op.f("uq_as2_messages_id")),
        sa.UniqueConstraint("direction", "partner", "key", name=op.f("uq_as2_messages_direction_partner_key")),
    )
    op.create_index(op.f("ix_as2_messages_document"), "as2_messages", ["document"], unique=False)
    op.create_index("ix_as2_messages_state", "as2_messages", ["direction", "state"], unique=False)
