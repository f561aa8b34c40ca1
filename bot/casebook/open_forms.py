"""Forms that a citizen is still filling in: what was answered so far, so that no killed process loses it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from . import tables
from .store import CITIZEN, Book, once


class OpenForms:
    """The open forms of one casebook: for each owner at most one of a name."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def save(self, owner: str, name: str, form: dict[str, Any], region: str = "000000") -> None:
        """Keep a form as it stands now, sealed; on disk when this returns. `form` is data for JSON."""
        table = tables.open_forms
        mine = (table.c.owner == owner, table.c.name == name)

        def write() -> bool:
            with self._book.writing() as connection:
                row = connection.execute(select(table).where(*mine).with_for_update()).first()
                if row is None:
                    self._book.add(
                        connection, table, CITIZEN, form, owner=owner, name=name, region=region, state="open"
                    )
                else:
                    sealed = self._book.sealer.seal_fields(form, self._book.place(table, row.reference))
                    self._book.change(connection, table, row.reference, CITIZEN, "set", sealed=sealed)
            return True

        once(write, write)

    def latest(self, owner: str, name: str | None = None) -> dict[str, Any] | None:
        """Return the owner's form that was touched last (of this name, if one is given), or None."""
        table = tables.open_forms
        wanted = select(table).where(table.c.owner == owner)
        if name is not None:
            wanted = wanted.where(table.c.name == name)
        with self._book.reading() as connection:
            row = connection.execute(wanted.order_by(table.c.updated_at.desc()).limit(1)).first()
        if row is None:
            return None
        held = self._book.sealer.open_fields(row.sealed, self._book.place(table, row.reference))
        return {**held, "updated_at": row.updated_at}

    def drop(self, owner: str, name: str) -> None:
        """Delete a form that has become a case or was given up; nothing happens if there is none."""
        table = tables.open_forms
        with self._book.writing() as connection:
            mine = (table.c.owner == owner, table.c.name == name)
            row = connection.execute(select(table.c.reference).where(*mine)).first()
            if row is not None:
                connection.execute(delete(table).where(table.c.reference == row.reference))
                self._book.record(connection, CITIZEN, "drop", table, row.reference)
