"""The outbox, and when a citizen was told the result of a verification."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of notifications; add the column to verifications."""
    op.create_table(
        "notifications",
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("case_reference", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("addressee", sa.String(length=120), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=True),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index("ix_notifications_case_reference", "notifications", ["case_reference"], unique=False)
    op.create_index("ix_notifications_next_at", "notifications", ["state", "next_at"], unique=False)
    op.create_index(
        "ix_notifications_updated_at", "notifications", ["updated_at", "reference", "region"], unique=False
    )
    op.add_column("verifications", sa.Column("told_at", sa.DateTime(), nullable=True))
