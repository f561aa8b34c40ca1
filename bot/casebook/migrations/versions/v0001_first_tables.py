"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER audit_is_append_only_{event} BEFORE {event} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
"""
_POSTGRES = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
"""


def upgrade() -> None:
    """Make all tables, and keep the audit trail from being changed."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_audit_reference"), "audit", ["reference"], unique=False)
    op.create_table(
        "book",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "callbacks",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index(op.f("ix_callbacks_owner"), "callbacks", ["owner"], unique=False)
    op.create_index(
        "ix_callbacks_state", "callbacks", ["state", "updated_at", "reference", "region"], unique=False
    )
    op.create_index(
        "ix_callbacks_updated_at", "callbacks", ["updated_at", "reference", "region"], unique=False
    )
    op.create_table(
        "credit_records",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("id_hash", sa.String(length=80), nullable=False),
        sa.Column("handling", sa.String(length=24), nullable=False),
        sa.Column("pledge", sa.String(length=32), nullable=True),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index(op.f("ix_credit_records_id_hash"), "credit_records", ["id_hash"], unique=False)
    op.create_index(op.f("ix_credit_records_owner"), "credit_records", ["owner"], unique=False)
    op.create_index(
        "ix_credit_records_state",
        "credit_records",
        ["state", "updated_at", "reference", "region"],
        unique=False,
    )
    op.create_index(
        "ix_credit_records_updated_at", "credit_records", ["updated_at", "reference", "region"], unique=False
    )
    op.create_table(
        "demand_reports",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("office", sa.String(length=120), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("proof", sa.String(length=200), nullable=False),
        sa.Column("matter", sa.String(length=200), nullable=False),
        sa.Column("requirement_id", sa.String(length=16), nullable=True),
        sa.Column("lawful", sa.String(length=16), nullable=False),
        sa.Column("sameness", sa.String(length=64), nullable=False),
        sa.Column("joined_to", sa.String(length=32), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("told_at", sa.DateTime(), nullable=True),
        sa.Column("satisfied", sa.Boolean(), nullable=True),
        sa.Column("photo", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["joined_to"],
            ["demand_reports.reference"],
        ),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index("ix_demand_reports_created_at", "demand_reports", ["created_at"], unique=False)
    op.create_index(op.f("ix_demand_reports_joined_to"), "demand_reports", ["joined_to"], unique=False)
    op.create_index(op.f("ix_demand_reports_owner"), "demand_reports", ["owner"], unique=False)
    op.create_index(op.f("ix_demand_reports_sameness"), "demand_reports", ["sameness"], unique=False)
    op.create_index(
        "ix_demand_reports_state",
        "demand_reports",
        ["state", "updated_at", "reference", "region"],
        unique=False,
    )
    op.create_index(
        "ix_demand_reports_updated_at", "demand_reports", ["updated_at", "reference", "region"], unique=False
    )
    op.create_table(
        "feedback",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("useful", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index(op.f("ix_feedback_owner"), "feedback", ["owner"], unique=False)
    op.create_index(
        "ix_feedback_state", "feedback", ["state", "updated_at", "reference", "region"], unique=False
    )
    op.create_index("ix_feedback_updated_at", "feedback", ["updated_at", "reference", "region"], unique=False)
    op.create_table(
        "pledges",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("requirement_id", sa.String(length=16), nullable=False),
        sa.Column("requirement", sa.JSON(), nullable=False),
        sa.Column("notice", sa.JSON(), nullable=False),
        sa.Column("filled", sa.JSON(), nullable=False),
        sa.Column("handling", sa.String(length=24), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("id_hash", sa.String(length=80), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index(op.f("ix_pledges_id_hash"), "pledges", ["id_hash"], unique=False)
    op.create_index(op.f("ix_pledges_owner"), "pledges", ["owner"], unique=False)
    op.create_index(
        "ix_pledges_state", "pledges", ["state", "updated_at", "reference", "region"], unique=False
    )
    op.create_index("ix_pledges_updated_at", "pledges", ["updated_at", "reference", "region"], unique=False)
    op.create_index(
        "ux_pledges_draft",
        "pledges",
        ["owner", "requirement_id"],
        unique=True,
        sqlite_where=sa.text("state = 'draft'"),
        postgresql_where=sa.text("state = 'draft'"),
    )
    op.create_table(
        "unanswered",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index("ix_unanswered_listing", "unanswered", ["state", "count"], unique=False)
    op.create_table(
        "verifications",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("requirement_id", sa.String(length=16), nullable=False),
        sa.Column("requirement", sa.JSON(), nullable=False),
        sa.Column("handler", sa.String(length=120), nullable=False),
        sa.Column("id_hash", sa.String(length=80), nullable=True),
        sa.Column("immediate", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("result", sa.String(length=24), nullable=True),
        sa.Column("reminded_at", sa.DateTime(), nullable=True),
        sa.Column("escalated_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index("ix_verifications_due", "verifications", ["state", "due_at"], unique=False)
    op.create_index(op.f("ix_verifications_id_hash"), "verifications", ["id_hash"], unique=False)
    op.create_index(op.f("ix_verifications_owner"), "verifications", ["owner"], unique=False)
    op.create_index(
        "ix_verifications_state",
        "verifications",
        ["state", "updated_at", "reference", "region"],
        unique=False,
    )
    op.create_index(
        "ix_verifications_updated_at", "verifications", ["updated_at", "reference", "region"], unique=False
    )
    op.create_table(
        "letters",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("issued_at", sa.DateTime(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("pdf_hash", sa.String(length=64), nullable=False),
        sa.Column("docx_hash", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("mark", sa.String(length=80), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=True),
        sa.Column("docx", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["reference"],
            ["pledges.reference"],
        ),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index(op.f("ix_letters_docx_hash"), "letters", ["docx_hash"], unique=False)
    op.create_index(op.f("ix_letters_pdf_hash"), "letters", ["pdf_hash"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(event=event))
    else:
        op.execute(_POSTGRES)
