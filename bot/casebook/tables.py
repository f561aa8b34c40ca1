"""The casebook's tables; migrations/ makes them, a test compares the two."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class Instant(TypeDecorator):
    """A moment, kept as UTC and given back with its time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Return `value` in UTC without a zone, as databases keep it alike."""
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Return the stored moment with its zone."""
        return None if value is None else value.replace(tzinfo=timezone.utc)


def _case(name: str, *columns: Any) -> Table:
    """Return a table of cases: what all of them have in common, then their own columns."""
    return Table(
        name,
        metadata,
        Column("reference", String(32), primary_key=True),
        Column("owner", String(64), nullable=False, index=True),
        Column("region", String(6), nullable=False),
        Column("state", String(24), nullable=False),
        Column("sealed", LargeBinary),
        Column("created_at", Instant, nullable=False),
        Column("updated_at", Instant, nullable=False),
        Column("closed_at", Instant),
        *columns,
        # Each holds all that a page is chosen by, so that far pages need not read the cases before them.
        Index(f"ix_{name}_state", "state", "updated_at", "reference", "region"),
        Index(f"ix_{name}_updated_at", "updated_at", "reference", "region"),
    )


book = Table(
    "book",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

_draft = text("state = 'draft'")
pledges = _case(
    "pledges",
    Column("requirement_id", String(16), nullable=False),
    Column("requirement", JSON, nullable=False),
    Column("notice", JSON, nullable=False),
    Column("filled", JSON, nullable=False),
    Column("handling", String(24), nullable=False),
    Column("degraded", Boolean, nullable=False),
    Column("id_hash", String(80), index=True),
    Column("version", Integer, nullable=False),
    Column("submitted_at", Instant),
    # One draft for one person and requirement, whichever of two processes is asked to start it.
    Index(
        "ux_pledges_draft",
        "owner",
        "requirement_id",
        unique=True,
        sqlite_where=_draft,
        postgresql_where=_draft,
    ),
)

open_forms = _case(
    "open_forms",
    Column("name", String(24), nullable=False),
    Index("ux_open_forms", "owner", "name", unique=True),
)

letters = Table(
    "letters",
    metadata,
    Column("reference", String(32), ForeignKey("pledges.reference"), primary_key=True),
    Column("issued_at", Instant, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("pdf_hash", String(64), nullable=False, index=True),
    Column("docx_hash", String(64), nullable=False, index=True),
    Column("code", String(16), nullable=False),
    Column("mark", String(80), nullable=False),
    Column("pdf", LargeBinary),
    Column("docx", LargeBinary),
)

verifications = _case(
    "verifications",
    Column("requirement_id", String(16), nullable=False),
    Column("requirement", JSON, nullable=False),
    Column("handler", String(120), nullable=False),
    Column("id_hash", String(80), index=True),
    Column("immediate", Boolean, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("result", String(24)),
    Column("reminded_at", Instant),
    Column("escalated_at", Instant),
    Column("told_at", Instant),
    Index("ix_verifications_due", "state", "due_at"),
)

demand_reports = _case(
    "demand_reports",
    Column("office", String(120), nullable=False),
    Column("place", String(200), nullable=False),
    Column("proof", String(200), nullable=False),
    Column("matter", String(200), nullable=False),
    Column("requirement_id", String(16)),
    Column("lawful", String(16), nullable=False),
    Column("sameness", String(64), nullable=False, index=True),
    Column("joined_to", String(32), ForeignKey("demand_reports.reference"), index=True),
    Column("outcome", String(24)),
    Column("told_at", Instant),
    Column("satisfied", Boolean),
    Column("photo", LargeBinary),
    Index("ix_demand_reports_created_at", "created_at"),
)

callbacks = _case("callbacks")

feedback = _case(
    "feedback",
    Column("message_id", String(64), nullable=False),
    Column("useful", Boolean, nullable=False),
    Column("reason", String(24), nullable=False),
)

unanswered = Table(
    "unanswered",
    metadata,
    Column("reference", String(32), primary_key=True),
    Column("question", Text, nullable=False),
    Column("outcome", String(24), nullable=False),
    Column("region", String(6), nullable=False),
    Column("count", Integer, nullable=False),
    Column("state", String(24), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_unanswered_listing", "state", "count"),
)

credit_records = _case(
    "credit_records",
    Column("id_hash", String(80), nullable=False, index=True),
    Column("handling", String(24), nullable=False),
    Column("pledge", String(32)),
    Column("source", String(200), nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
)

notifications = Table(
    "notifications",
    metadata,
    Column("reference", String(40), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("case_reference", String(32), nullable=False, index=True),
    Column("region", String(6), nullable=False),
    Column("role", String(24), nullable=False),
    Column("addressee", String(120), nullable=False),
    Column("due_at", Instant),
    Column("state", String(24), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_notifications_next_at", "state", "next_at"),
    Index("ix_notifications_updated_at", "updated_at", "reference", "region"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("action", String(32), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("reference", String(32), nullable=False, index=True),
    Column("detail", String(200), nullable=False),
)
