"""What importing a table would change, as a report that a clerk can read before anything is done."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from .errors import CatalogueError
from .requirement import Requirement
from .table_columns import NEEDED, CellFault, columns, say, shown, written
from .tables import Fault, Incoming, bounded, place
from .text import canonical

Identity = tuple[str, str, str, str]
_FIELDS = [f.name for f in fields(Requirement)]


@dataclass(frozen=True)
class Change:
    """A row as it was (`before`, None for a new one) and as it would be (`after`), and where the file says so."""

    before: Requirement | None
    after: Requirement
    where: str

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """The fields that change, each with its old and its new value."""
        if self.before is None:
            return {}
        pairs = {name: (getattr(self.before, name), getattr(self.after, name)) for name in _FIELDS}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True)
class Difference:
    """What an import would add, change, remove and leave; nothing may be done unless `faults` is empty."""

    added: list[Change]
    changed: list[Change]
    removed: list[Requirement]
    unchanged: int
    faults: list[Fault]

    def after(self, before: Mapping[str, Requirement]) -> dict[str, Requirement]:
        """Return all rows as they are when the difference is applied to `before`, new rows last.

        Raises CatalogueError if there are faults.
        """
        if self.faults:
            raise CatalogueError(str(self.faults[0]))
        gone = {row.id for row in self.removed}
        rows = {id_: row for id_, row in before.items() if id_ not in gone}
        rows.update((c.after.id, c.after) for c in (*self.changed, *self.added))
        return rows

    def text(self, limit: int = 200, more: Sequence[str] = ()) -> str:
        """Return the report in Chinese: faults, then counts, then at most `limit` rows, changed ones field by field.

        `more` are lines on what else the file changes; they follow within the same limit.
        """
        lines: list[str] = []
        if self.faults:
            lines += [say("difference.faults", count=len(self.faults)), *map(str, self.faults[:limit])]
            if len(self.faults) > limit:
                lines.append(say("difference.rest", count=len(self.faults) - limit))
            return "\n".join(lines)
        counts = (len(self.added), len(self.changed), len(self.removed))
        names = dict(zip(("added", "changed", "removed"), counts, strict=True))
        lines.append(say("difference.counts", **names, unchanged=self.unchanged))
        if not any(counts) and not more:
            lines.append(say("difference.none"))
        for name, changes in (("changed", self.changed), ("added", self.added)):
            for change in changes[: max(limit, 0)]:
                limit -= 1
                row = change.after
                lines.append(say(f"difference.{name}", id=row.id, what=_what(row), place=change.where))
                lines += [
                    say(
                        "difference.field",
                        column=columns()[f].heading,
                        old=_spoken(f, old),
                        new=_spoken(f, new),
                    )
                    for f, (old, new) in change.fields.items()
                ]
        for row in self.removed[: max(limit, 0)]:
            limit -= 1
            lines.append(say("difference.removed", id=row.id, what=_what(row)))
        lines += more[: max(limit, 0)]
        listed = sum(line[0] in "＋～－" for line in lines)
        if sum(counts) + len(more) > listed:
            lines.append(say("difference.rest", count=sum(counts) + len(more) - listed))
        return "\n".join(lines)


def what(proof: str, matter: str, region: str) -> str:
    """Return how a row is called in reports: proof, matter and place, long ones cut."""
    return f"{shown(proof, 30)}／{shown(matter, 30)}／{shown(region, 15)}"


def _spoken(name: str, value: str | tuple[str, ...]) -> str:
    try:
        return written(name, value) or say("difference.nothing")
    except CatalogueError:
        return shown(value)


class _Names:
    """Canonical forms of names, each made once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        if text not in self._known:
            self._known[text] = re.sub(r"\s+", "", canonical(text))
        return self._known[text]


def difference(
    before: Mapping[str, Requirement],
    incoming: Iterable[Incoming],
    *,
    whole: bool = False,
    used: Collection[str] = (),
) -> Difference:
    """Return what importing the rows `incoming` over `before` would do.

    A row is the one whose id it gives; without an id, the one of the same proof, matter, region and first day (where the table
    has no column for the first day: the only one of that proof, matter and region). Fields whose columns are not in the table
    stay as they are. What is new gets the next id above all in `before`, in the table and in `used` (ids of earlier editions).
    `whole` means that the table holds everything: rows that are not in it are removed.
    """
    return _Comparison(before, used).run(list(incoming), whole)


class _Comparison:
    def __init__(self, before: Mapping[str, Requirement], used: Collection[str]):
        self._before = before
        self._used = used
        self._names = _Names()
        self._ids: dict[Identity, list[str]] = {}
        self._any_day: dict[tuple[str, str, str], list[str]] = {}
        for row in before.values():
            key = self._key(row)
            self._ids.setdefault(key, []).append(row.id)
            self._any_day.setdefault(key[:3], []).append(row.id)

    def _key(self, row: Requirement) -> Identity:
        return self._names(row.proof), self._names(row.matter), row.region_code, row.valid_from

    def run(self, incoming: list[Incoming], whole: bool) -> Difference:
        given = [row.id for row in incoming if row.id]
        following = max((int(i[1:]) for i in (*self._before, *self._used, *given)), default=0)
        made = Difference([], [], [], 0, [])
        by_id: dict[str, Incoming] = {}
        by_key: dict[Identity, tuple[Incoming, bool]] = {}
        for row in incoming:
            try:
                held = self._held(row)
                identity = row.id or (held.id if held else f"F{following + 1:03d}")
                after = _after(held, row, identity)
                key = self._key(after)
                # Rows that were alike before are left for the catalogue's own check.
                moved = held is None or key != self._key(held)
                other, other_moved = by_key.get(key, (None, False))
                other = by_id.get(identity) or (other if moved or other_moved else None)
                if other:
                    raise CellFault(
                        say("faults.same", place=place(other.sheet, other.row), what=_what(after))
                    )
            except CellFault as fault:
                heading = columns()[fault.field].heading if fault.field else ""
                made.faults.append(Fault(row.sheet, row.row, heading, str(fault)))
                continue
            following += identity == f"F{following + 1:03d}"
            by_id[identity] = row
            by_key[key] = (row, moved)
            change = Change(held, after, place(row.sheet, row.row))
            if held is None:
                made.added.append(change)
            elif after != held:
                made.changed.append(change)
        removed = [r for id_, r in self._before.items() if whole and id_ not in by_id]
        self._check(made, by_id, by_key, {r.id for r in removed})
        return replace(
            made,
            removed=removed,
            unchanged=len(self._before) - len(made.changed) - len(removed),
            faults=bounded(made.faults),
        )

    def _held(self, row: Incoming) -> Requirement | None:
        """Return the row of the catalogue that `row` is about, None if it is a new one."""
        if row.id:
            held = self._before.get(row.id)
            if held:
                return held
            for name in NEEDED:
                if name not in row.fields:
                    heading = columns()[name].heading
                    raise CellFault(say("faults.incomplete_new", what=row.id, column=heading), "id")
            return None
        proof, matter, region = (str(row.fields[n]) for n in ("proof", "matter", "region_code"))
        trio = (self._names(proof), self._names(matter), region)
        if "valid_from" in row.fields:
            found = self._ids.get((*trio, str(row.fields["valid_from"])), [])
        else:
            found = self._any_day.get(trio, [])
        if len(found) > 1:
            raise CellFault(say("faults.several", count=len(found), ids="、".join(found)), "id")
        return self._before[found[0]] if found else None

    def _check(
        self,
        made: Difference,
        by_id: Mapping[str, Incoming],
        by_key: Mapping[Identity, tuple[Incoming, bool]],
        removed: set[str],
    ) -> None:
        """Add the faults that show only once all rows of the file are known."""
        changes = (*made.changed, *made.added)
        present = (self._before.keys() | {c.after.id for c in changes}) - removed
        for change in changes:
            row, after = by_id[change.after.id], change.after
            key = self._key(after)
            alike = [i for i in self._ids.get(key, ()) if i not in by_id and i not in removed]
            if alike and by_key[key][1]:
                message = say("faults.same_as_existing", id=alike[0], what=_what(after))
                made.faults.append(Fault(row.sheet, row.row, "", message))
            if "see_also" in row.fields:
                for other in after.see_also:
                    if other not in present:
                        heading = columns()["see_also"].heading
                        message = say("faults.unknown_reference", id=other)
                        made.faults.append(Fault(row.sheet, row.row, heading, message))


def _after(held: Requirement | None, row: Incoming, identity: str) -> Requirement:
    given: dict[str, Any] = dict(row.fields)
    if held is None:
        defaults = {c.field: c.default for c in columns().values() if c.default}
        after = Requirement(**{"aliases": (), **defaults, **given, "id": identity})
    else:
        after = replace(held, **given)
    if after.valid_from and after.valid_until and after.valid_from > after.valid_until:
        message = say("faults.dates_reversed", start=after.valid_from, end=after.valid_until)
        raise CellFault(message, "valid_until")
    return after


def _what(row: Requirement) -> str:
    return what(row.proof, row.matter, row.region)
