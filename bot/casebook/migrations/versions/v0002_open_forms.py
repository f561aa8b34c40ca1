"""Forms that are still open."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of open forms."""
    op.create_table(
        "open_forms",
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("name", sa.String(length=24), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index(op.f("ix_open_forms_owner"), "open_forms", ["owner"], unique=False)
    op.create_index(
        "ix_open_forms_state", "open_forms", ["state", "updated_at", "reference", "region"], unique=False
    )
    op.create_index(
        "ix_open_forms_updated_at", "open_forms", ["updated_at", "reference", "region"], unique=False
    )
    op.create_index("ux_open_forms", "open_forms", ["owner", "name"], unique=True)
