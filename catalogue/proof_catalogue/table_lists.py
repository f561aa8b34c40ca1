"""The lists beside the rows of a workbook: what citizens call things, which row prevails in a conflict, where the catalogue is complete.

Each is a sheet of its own. A line that is there counts in place of what the catalogue has of the same name, prevailing row or
place and sector; with `whole`, what has no line goes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from .content import Content, with_rows
from .errors import CatalogueError
from .regions import COUNTRY
from .table_columns import (
    CellFault,
    Column,
    Places,
    bare,
    cut,
    read_id,
    say,
    shown,
    text_of,
    unguarded,
    words,
)
from .table_files import HEADING_ROWS, Sheet
from .text import canonical
from .vocabulary import Cue, Term, merged, read_cue, written_cue

EVERYWHERE = "*"  # the sector of a claim over all sectors
_LINE = (
    3000  # characters of one cell of a list that is written; more goes on in a further line of the same name
)
Complain = Callable[[int, str, str], None]  # a line's number, its column's heading or "", what is wrong


@dataclass
class Lists:
    """What the sheets of a workbook say, each entry with the line it began on; None where there is no such sheet."""

    names: dict[tuple[str, str], tuple[Term, int]] | None = None
    conflicts: dict[str, tuple[tuple[str, ...], int]] | None = None
    complete: dict[tuple[str, str], tuple[str, int]] | None = None
    unsaid: set[str] = field(default_factory=set)  # fields of names that their sheet has no column for

    def __bool__(self) -> bool:
        return any(held is not None for held in (self.names, self.conflicts, self.complete))


def columns_of(name: str) -> dict[str, Column]:
    """Return the columns of one list by field, in order."""
    return {e["field"]: Column(**e) for e in words()["lists"][name]["columns"]}


def sheet_name(name: str) -> str:
    """Return what the sheet of the list `name` is called."""
    return words()["lists"][name]["sheet"]


def list_of(sheet: Sheet) -> str | None:
    """Return which list the sheet holds, None if it holds none."""
    return next((name for name in words()["lists"] if bare(sheet_name(name)) == bare(sheet.name)), None)


def read_list_sheet(name: str, sheet: Sheet, into: Lists, places: Places, complain: Complain) -> None:
    """Read the sheet of the list `name` into `into`; what is wrong goes to `complain`."""
    held = {"names": into.names, "conflicts": into.conflicts, "complete": into.complete}[name] or {}
    setattr(into, name, held)
    for number, cells in _lines(name, sheet, complain):
        try:
            if name == "names":
                _take_name(into, cells, number)
            elif name == "conflicts":
                _once(
                    into.conflicts, _needed(name, cells, "prevails"), (_needed(name, cells, "rows"), number)
                )
            else:
                place = _needed(name, cells, "region", "region_code")
                _, code = (
                    places.read(cells.get("region", ""), cells.get("region_code", "")) if place else ("", "")
                )
                sector = _needed(name, cells, "sector")
                sector = EVERYWHERE if sector in words()["every_sector"] else sector
                _once(into.complete, (code, sector), (_needed(name, cells, "basis"), number))
        except CellFault as fault:
            heading = columns_of(name)[fault.field].heading if fault.field in columns_of(name) else ""
            complain(number, heading, str(fault))


def _once(held: Any, key: Any, value: tuple[Any, int]) -> None:
    if key in held:
        raise CellFault(say("faults.same_line", row=held[key][1]))
    held[key] = value


def _needed(name: str, cells: dict[str, Any], *fields: str) -> Any:
    found = next((cells[f] for f in fields if cells.get(f)), None)
    if not found:
        raise CellFault(say("faults.missing"), fields[0])
    return found


def _take_name(into: Lists, cells: dict[str, Any], number: int) -> None:
    assert into.names is not None
    kind, name = _needed("names", cells, "kind"), _needed("names", cells, "name")
    term = Term(
        kind=kind,
        name=name,
        aliases=tuple(dict.fromkeys(canonical(a) for a in cells.get("aliases", ()))),
        cues=cells.get("cues", ()),
        requirements=cells.get("requirements", ()),
        generic=cells.get("generic") == "yes",
    )
    into.unsaid = {"aliases", "cues", "requirements", "generic"} - cells.keys()
    before = into.names.get((kind, name))
    into.names[kind, name] = (merged(before[0], term), before[1]) if before else (term, number)


def _lines(name: str, sheet: Sheet, complain: Complain) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the lines that can be read, by field, with their numbers."""
    columns = columns_of(name)
    known = {bare(h): c.field for c in columns.values() for h in (c.heading, *c.also)}
    plan: dict[str, int] | None = None
    for number, raw in sheet.rows:
        if plan is None:
            found = {
                known[bare(text_of(unguarded(c)))]: i for i, c in enumerate(raw) if bare(str(c)) in known
            }
            if {c.field for c in columns.values() if c.required} <= found.keys():
                plan = found
            elif number >= HEADING_ROWS:
                break
            continue
        cells: dict[str, Any] = {}
        faults = 0
        for column, index in plan.items():
            cell = unguarded(raw[index]) if index < len(raw) else ""
            try:
                if (number, index) in sheet.flaws:
                    raise CellFault(say("faults.formula"))
                cells[column] = _read(column, columns[column], cell)
            except CellFault as fault:
                complain(number, columns[column].heading, str(fault))
                faults += 1
        if not faults and any(v for f, v in cells.items() if f != "generic"):
            yield number, cells
    if plan is None:
        wanted = "、".join(c.heading for c in columns.values() if c.required)
        complain(0, "", say("faults.list_headings", columns=wanted))


def _read(name: str, column: Column, raw: Any) -> Any:
    # A cell of these lists may hold more than one of the rows' table: all names and cues of one thing.
    if not column.separators:
        text = text_of(raw)
        if name in ("kind", "generic"):
            return _word(name, text)
        return read_id(text) if name == "prevails" else text
    items = cut(column, raw)
    if name == "cues":
        return tuple(map(_cue, items))
    return tuple(read_id(item) for item in items) if name in ("requirements", "rows") else items


def _cue(text: str) -> Cue:
    try:
        return read_cue(text)
    except CatalogueError:
        raise CellFault(say("faults.empty_cue", value=text)) from None


def _word(name: str, text: str) -> str:
    known = words()["lists"]["names"]["words"][name]
    for value, spoken in known.items():
        if bare(text) in map(bare, spoken):
            return value
    raise CellFault(say("faults.word", value=text, words="、".join(s[0] for s in known.values() if s[0])))


def put_lists(
    content: Content, lists: Lists, whole: bool, gone: Iterable[str] = ()
) -> tuple[Content, list[tuple[str, int, str]]]:
    """Return `content`, in which the rows are those to be already, with what `lists` says, and what is wrong.

    Rows of `gone`, which the same import removes, are passed over where a list still names them. A fault is (list, line, message).
    """
    ids, left = {r.id for r in content.rows}, set(gone)
    faults: list[tuple[str, int, str]] = []

    def there(name: str, number: int, wanted: tuple[str, ...]) -> tuple[str, ...]:
        faults.extend((name, number, say("faults.unknown_row", id=i)) for i in wanted if i not in ids | left)
        return tuple(i for i in wanted if i in ids)

    if lists.names is not None:
        terms = {(t.kind, t.name): t for t in content.terms}
        kept = {} if whole and lists.names else dict(terms)
        for key, (term, number) in lists.names.items():
            rows = there("names", number, tuple(dict.fromkeys(term.requirements)))
            said = replace(term, requirements=rows)
            before = terms.get(key)
            kept[key] = replace(said, **{f: getattr(before, f) for f in lists.unsaid}) if before else said
        content = with_rows(replace(content, terms=list(kept.values())), content.rows)
    if lists.conflicts is not None:
        groups = {} if whole else {c["prevails"]: tuple(c["rows"]) for c in content.conflicts}
        for prevails, (rows, number) in lists.conflicts.items():
            there("conflicts", number, (prevails,))
            groups[prevails] = there("conflicts", number, tuple(sorted({prevails, *rows})))
        for prevails, (_, number) in lists.conflicts.items():
            for other, rows in groups.items():
                shared = set(rows) & set(groups[prevails])
                if other != prevails and shared:
                    message = say("faults.two_conflicts", id=min(shared), one=prevails, other=other)
                    faults.append(("conflicts", number, message))
        content = replace(
            content, conflicts=[{"rows": list(r), "prevails": p} for p, r in groups.items() if len(r) > 1]
        )
    if lists.complete is not None:
        sectors = {r.sector for r in content.rows} | {EVERYWHERE}
        claims = {} if whole else {(c["region_code"], c["sector"]): c["basis"] for c in content.complete}
        for (code, sector), (basis, number) in lists.complete.items():
            if sector not in sectors:
                faults.append(("complete", number, say("faults.no_such_sector", value=sector)))
            claims[code, sector] = basis
        content = replace(
            content, complete=[{"region_code": c, "sector": s, "basis": b} for (c, s), b in claims.items()]
        )
    return content, faults


def lines_of(content: Content, name: str) -> Iterator[list[str]]:
    """Yield the cells of every line of the list `name`; reading them gives the same again."""
    columns = columns_of(name)
    if name == "names":
        spoken = words()["lists"]["names"]["words"]
        for term in sorted(content.terms, key=lambda t: (t.kind == "matter", t.name)):
            parts = [
                list(_parts(columns[f], items))
                for f, items in (
                    ("aliases", term.aliases),
                    ("cues", tuple(written_cue(c) for c in term.cues)),
                    ("requirements", term.requirements),
                )
            ]
            for n in range(max(1, *map(len, parts))):
                cells = [p[n] if n < len(p) else "" for p in parts]
                yield [
                    spoken["kind"][term.kind][0],
                    term.name,
                    *cells,
                    spoken["generic"]["yes" if term.generic else "no"][0],
                ]
    elif name == "conflicts":
        for conflict in sorted(content.conflicts, key=lambda c: c["prevails"]):
            yield [conflict["prevails"], "；".join(conflict["rows"])]
    else:
        for claim in sorted(content.complete, key=lambda c: (c["region_code"], c["sector"])):
            code, sector = claim["region_code"], claim["sector"]
            region = words()["countrywide"][0] if code == COUNTRY else content.regions.get(code).name
            yield [
                region,
                code,
                words()["every_sector"][0] if sector == EVERYWHERE else sector,
                claim["basis"],
            ]


def _parts(column: Column, items: Iterable[str]) -> Iterator[str]:
    """Yield cells that hold `items` together, none too long."""
    held: list[str] = []
    for item in items:
        if held and sum(len(i) + 4 for i in held) + len(item) > _LINE:
            yield _cell(column, held)
            held = []
        held.append(item)
    if held:
        yield _cell(column, held)


def _cell(column: Column, items: list[str]) -> str:
    text = "；".join(items)
    return text if list(cut(column, text)) == items else json.dumps(items, ensure_ascii=False)


def list_changes(before: Content, after: Content, lists: Lists) -> list[str]:
    """Return a line in Chinese for every entry of a list that an import of `lists` adds, changes or removes."""
    said = {"names": lists.names, "conflicts": lists.conflicts, "complete": lists.complete}
    lines = []
    for name in (n for n, held in said.items() if held is not None):
        old, new = _entries(before, name), _entries(after, name)
        for key in dict.fromkeys((*old, *new)):
            if old.get(key) == new.get(key) or (
                name == "names" and key in new and key not in (lists.names or ())
            ):
                continue  # names that their rows alone have made or changed are told with the rows
            what = "added" if key not in old else "changed" if key in new else "removed"
            changes = _differing(old.get(key, {}), new.get(key, {})) if key in new else []
            told = " ".join((_called(before, name, key), *changes))
            lines.append(say(f"list_changes.{what}", sheet=sheet_name(name)) + told)
    return lines


def _entries(content: Content, name: str) -> dict[Any, dict[str, tuple[str, ...]]]:
    if name == "names":
        return {
            (t.kind, t.name): {
                "aliases": t.aliases,
                "cues": tuple(written_cue(c) for c in t.cues),
                "requirements": t.requirements,
                "generic": (words()["lists"]["names"]["words"]["generic"]["yes"][0],) if t.generic else (),
            }
            for t in content.terms
        }
    if name == "conflicts":
        return {c["prevails"]: {"rows": tuple(c["rows"])} for c in content.conflicts}
    return {(c["region_code"], c["sector"]): {"basis": (c["basis"],)} for c in content.complete}


def _called(content: Content, name: str, key: Any) -> str:
    if name == "names":
        return f"{words()['lists']['names']['words']['kind'][key[0]][0]}“{key[1]}”"
    if name == "conflicts":
        return f"{columns_of(name)['prevails'].heading} {key}"
    sector = words()["every_sector"][0] if key[1] == EVERYWHERE else key[1]
    return f"{content.regions.get(key[0]).name} {sector}"


def _differing(old: dict[str, tuple[str, ...]], new: dict[str, tuple[str, ...]]) -> list[str]:
    """Return what items each field gains and loses; a field whose items only change places says so by its name."""
    columns = {c.field: c.heading for n in words()["lists"] for c in columns_of(n).values()}
    told = []
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name, ()), new.get(name, ())
        if was != now:
            gained = "、".join(shown(i) for i in now if i not in was)
            lost = "、".join(shown(i) for i in was if i not in now)
            told.append(f"{columns[name]}{' ＋' + gained if gained else ''}{' －' + lost if lost else ''}")
    return told
