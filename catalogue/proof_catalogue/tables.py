"""Reads requirements from tables (JSONL, CSV, XLSX) and writes them, losing nothing on the way there and back."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from .content import Content
from .errors import CatalogueError
from .regions import Regions
from .requirement import Requirement
from .table_columns import (
    NEEDED,
    CellFault,
    Column,
    Places,
    Read,
    Value,
    allowed,
    columns,
    guarded,
    heading_field,
    near_field,
    reader,
    say,
    text_of,
    unguarded,
    words,
    written,
)
from .table_files import HEADING_ROWS, Records, Refused, Sheet, is_explanation, opened
from .table_lists import Complain, Lists, columns_of, lines_of, list_of, read_list_sheet, sheet_name

FORMATS = ("jsonl", "csv", "xlsx")
FAULT_LIMIT = 500
STEP = 1000  # rows between two calls of `progress`
_EXCEL_CELL = 32_767  # characters; openpyxl cuts off what is longer without a word
_EXCEL_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Fault:
    """Something wrong in a table: where (empty or 0 where it is no one place) and what, in Chinese, for the clerk."""

    sheet: str
    row: int
    column: str
    message: str

    def __str__(self) -> str:
        where = place(self.sheet, self.row, self.column)
        return f"{where}：{self.message}" if where else self.message


def place(sheet: str, row: int, column: str = "") -> str:
    """Return how a place in a table is called, as 工作表“证明清单”第 12 行“失效日期”."""
    named = {"sheet": sheet, "row": row, "column": column}
    return "".join(say(f"place.{name}", **{name: value}) for name, value in named.items() if value)


@dataclass(frozen=True)
class Incoming:
    """A row of a table: the fields whose columns are there, where it stood, and its id if it gives one (else empty)."""

    fields: dict[str, str | tuple[str, ...]]
    sheet: str
    row: int
    id: str = ""


@dataclass(frozen=True)
class Table:
    """What a file holds: its rows, what is wrong (nothing may be imported unless this is empty), what should be known, and its lists."""

    rows: list[Incoming]
    faults: list[Fault]
    notices: list[str]
    lists: Lists


def bounded(faults: list[Fault]) -> list[Fault]:
    """Return the first FAULT_LIMIT faults and, where there are more, one that says how many."""
    more = len(faults) - FAULT_LIMIT
    return [*faults[:FAULT_LIMIT], Fault("", 0, "", say("faults.more", count=more))] if more > 0 else faults


@dataclass
class _Reading:
    """What is read so far, and what is needed to read on."""

    places: Places
    progress: Progress | None
    given: dict[str, str | tuple[str, ...]]
    rows: list[Incoming] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    lists: Lists = field(default_factory=Lists)
    examples: int = 0
    done: int = 0
    total: int = 0

    def step(self) -> None:
        self.done += 1
        if self.progress and self.done % STEP == 0:
            self.progress(self.done, max(self.total, self.done))


def read_table(
    path: Path, regions: Regions, progress: Progress | None = None, given: Mapping[str, str] | None = None
) -> Table:
    """Read a file of requirements: JSONL, CSV (UTF-8, UTF-16 or GBK; comma, semicolon or tab) or XLSX, told by its content.

    `regions` says what places there are; `progress(done, total)` is called about every thousand rows; `given` holds the cell
    that every row gets in a column that the file lacks, by field or heading (办理结论 → 需提供). A row with a fault is not among
    the rows. Nothing is raised for what is wrong with the file: it is in `faults`, 500 at most and then how many more.
    Raises CatalogueError if `given` itself is wrong.
    """
    reading = _Reading(Places(regions), progress, _given(given or {}, Places(regions)))
    try:
        with opened(path, reading.notices) as content:
            if isinstance(content, Records):
                reading.total = content.total
                _read_records(reading, content)
            else:
                _read_sheets(reading, content)
    except Refused as refusal:
        reading.faults.append(Fault("", refusal.row, "", str(refusal)))
    if reading.examples:
        reading.notices.append(say("notices.examples", count=reading.examples))
    if not (reading.rows or reading.faults or reading.lists):
        reading.faults.append(Fault("", 0, "", say("faults.no_rows")))
    if progress:
        progress(reading.done, reading.done)
    return Table(reading.rows, bounded(reading.faults), reading.notices, reading.lists)


def _given(given: Mapping[str, str], places: Places) -> dict[str, str | tuple[str, ...]]:
    made: dict[str, str | tuple[str, ...]] = {}
    for heading, text in given.items():
        name = heading_field(heading)
        if not name:
            raise CatalogueError(say("notices.unknown_column", heading=heading))
        try:
            value = reader(name)(text)
            if value:
                made[name] = value
        except CellFault as fault:
            raise CatalogueError(f"{columns()[name].heading}：{fault}") from None
    if {"region", "region_code"} & made.keys():
        try:
            made["region"], made["region_code"] = places.read(
                str(made.get("region", "")), str(made.get("region_code", ""))
            )
        except CellFault as fault:
            raise CatalogueError(f"{columns()['region'].heading}：{fault}") from None
    return made


def _read_sheets(reading: _Reading, sheets: list[Sheet]) -> None:
    reading.total = sum(sheet.total for sheet in sheets)
    fitting = False
    for sheet in sheets:
        name = list_of(sheet)
        if name:
            fitting = True
            read_list_sheet(name, sheet, reading.lists, reading.places, _complaining(reading, sheet.name))
            continue
        rows = iter(sheet.rows)
        top = list(itertools.islice(rows, HEADING_ROWS))
        fits = [(len(_known(cells)), -at) for at, (_, cells) in enumerate(top) if _fits(_known(cells))]
        if not fits:
            if sheet.name and not is_explanation(sheet):
                reading.notices.append(say("notices.sheet_without_headings", sheet=sheet.name))
            continue
        fitting = True
        at = -max(fits)[1]
        number, headings = top[at]
        plan = _plan(reading, sheet, number, headings)
        if plan:
            _read_grid(reading, sheet, plan, itertools.chain(top[at + 1 :], rows))
    if not fitting:
        reading.faults.append(Fault("", 0, "", say("faults.no_headings", rows=HEADING_ROWS)))


def _complaining(reading: _Reading, sheet: str) -> Complain:
    return lambda row, column, message: reading.faults.append(Fault(sheet, row, column, message))


def _heading(cell: Any) -> str:
    try:
        return text_of(unguarded(cell))
    except CellFault:
        return ""


def _known(cells: list[Any]) -> set[str]:
    return {f for f in map(heading_field, filter(None, map(_heading, cells))) if f}


def _fits(fields: set[str]) -> bool:
    return len(fields) >= 2 and bool(fields & {"proof", "matter", "id"})


def _plan(reading: _Reading, sheet: Sheet, number: int, headings: list[Any]) -> dict[str, int] | None:
    """Return at which index each field stands, None if the sheet cannot be read; says what is odd about its headings."""
    plan: dict[str, int] = {}
    repeated: dict[str, list[int]] = {}
    unknown: list[tuple[int, str]] = []
    for index, heading in enumerate(map(_heading, headings)):
        name = heading_field(heading) if heading else ""
        if name is None:
            unknown.append((index, heading))
        elif name in plan:
            repeated.setdefault(name, [plan[name]]).append(index)
        elif name:
            plan[name] = index
    for index, heading in unknown:
        near = near_field(heading)
        if near and near not in plan:
            plan[near] = index
            reading.notices.append(
                say("notices.near_heading", heading=heading, column=columns()[near].heading)
            )
        else:
            reading.notices.append(say("notices.unknown_column", heading=heading))
    for name, at in repeated.items():
        letters = "、".join(get_column_letter(i + 1) for i in at)
        heading = columns()[name].heading
        reading.faults.append(
            Fault(
                sheet.name, number, heading, say("faults.repeated_heading", column=heading, letters=letters)
            )
        )
    missing = [] if "id" in plan else _missing(plan.keys() | reading.given.keys())
    if missing:
        listed = "、".join(columns()[name].heading for name in missing)
        reading.faults.append(Fault(sheet.name, number, "", say("faults.missing_columns", columns=listed)))
    return None if repeated or missing else plan


def _missing(present: Iterable[str]) -> list[str]:
    held = set(present)
    return [n for n in NEEDED if n not in held and not (n == "region" and "region_code" in held)]


def _read_grid(
    reading: _Reading, sheet: Sheet, plan: dict[str, int], rows: Iterable[tuple[int, list[Any]]]
) -> None:
    readers = [(name, index, reader(name)) for name, index in plan.items()]
    total = re.compile(words()["total"])
    held: list[tuple[int, list[Fault]]] = []  # rows that are totals if nothing comes after them
    for number, cells in rows:
        reading.step()
        if not any(cells):
            continue
        if number in sheet.banners:
            reading.faults.append(Fault(sheet.name, number, "", say("faults.banner")))
            continue
        taken = ((n, unguarded(cells[i]) if i < len(cells) else "", r) for n, i, r in readers)
        flaws = {n: sheet.flaws[number, i] for n, i in plan.items() if (number, i) in sheet.flaws}
        made, faults = _row(reading, sheet.name, number, taken, flaws)
        if faults and total.match(next((t for t in map(_heading, cells) if t), "")):
            held.append((number, faults))
            continue
        if made or faults:
            for _, before in held:
                reading.faults.extend(before)
            held = []
        reading.faults.extend(faults)
        if made:
            reading.rows.append(made)
    for number, _ in held:
        reading.notices.append(say("notices.total", row=number))


def _read_records(reading: _Reading, records: Records) -> None:
    readers: dict[str, tuple[str, Read] | None] = {}
    for number, record in records.rows:
        reading.step()
        for key in record.keys() - readers.keys():
            name = heading_field(key)
            readers[key] = (name, reader(name)) if name else None
            if name is None:
                reading.notices.append(say("notices.unknown_column", heading=key))
        taken = [(*known, value) for key, value in record.items() if (known := readers[key])]
        names = [name for name, _, _ in taken]
        faults = [
            Fault("", number, columns()[n].heading, say("faults.repeated_key", key=columns()[n].heading))
            for n in set(names)
            if names.count(n) > 1
        ]
        made, more = _row(reading, "", number, ((n, value, read) for n, read, value in taken), {})
        reading.faults.extend(faults + more)
        if made and not faults:
            reading.rows.append(made)


def _row(
    reading: _Reading,
    sheet: str,
    number: int,
    cells: Iterable[tuple[str, Any, Read]],
    flaws: dict[str, str],
) -> tuple[Incoming | None, list[Fault]]:
    """Return the row, or its faults, or neither for a blank row and for an example."""
    fields: dict[str, Any] = {}
    present: set[str] = set()
    faults: list[Fault] = []

    def fault(name: str, message: str) -> None:
        faults.append(Fault(sheet, number, columns()[name].heading, message))

    for name, raw, read in cells:
        if name == "id" and isinstance(raw, str) and raw.strip().startswith(words()["example_mark"]):
            reading.examples += 1
            return None, []
        present.add(name)
        if name in flaws:
            error = flaws[name]
            fault(name, say("faults.error_value", value=error) if error else say("faults.formula"))
            continue
        try:
            value: Value = read(raw)
        except CellFault as wrong:
            fault(name, str(wrong))
        else:
            if value is not None:
                fields[name] = value
    if not faults and not any(fields.values()):
        return None, []
    for name, text in reading.given.items():
        if name not in present:
            fields[name] = text
            present.add(name)
    identity = fields.pop("id", "")
    wrong_columns = {f.column for f in faults}
    if {"region", "region_code"} & present:
        try:
            place_name, code = fields.pop("region", ""), fields.pop("region_code", "")
            if place_name or code:
                fields["region"], fields["region_code"] = reading.places.read(place_name, code)
        except CellFault as wrong:
            fault(wrong.field or "region", str(wrong))
            wrong_columns.add(columns()["region"].heading)
    for name in NEEDED:
        if fields.get(name) or columns()[name].heading in wrong_columns:
            continue
        if name in present or (name == "region" and "region_code" in present):
            fault(name, say("faults.missing"))
        elif not identity:
            fault(name, say("faults.missing_new", column=columns()[name].heading))
    start, end = fields.get("valid_from"), fields.get("valid_until")
    if start and end and start > end:
        fault("valid_until", say("faults.dates_reversed", start=start, end=end))
    return (None if faults else Incoming(fields, sheet, number, identity)), faults


def write_table(
    rows: Iterable[Requirement],
    path: Path,
    format: str,
    progress: Progress | None = None,
    content: Content | None = None,
) -> None:
    """Write all fields of `rows` to `path`, put in place only when it is whole: `format` is one of FORMATS.

    CSV is UTF-8 with a mark for Excel; XLSX has a sheet that explains each column, and the lists of `content` where it is given. Cells that a spreadsheet program might
    run begin with an apostrophe, which reading takes off. Raises CatalogueError naming row and column for a value that the
    format cannot hold, OSError if `path` cannot be written.
    """
    if format == "jsonl":
        with _whole(path) as handle:
            for row in _counted(rows, progress):
                _cells(row)  # what no other format can hold shall not get into this one
                handle.write((json.dumps(row.json(), ensure_ascii=False) + "\n").encode())
    else:
        _write(map(_cells, _counted(rows, progress)), path, format, content)


def write_template(path: Path, format: str = "xlsx") -> None:
    """Write an empty table to fill in, with two example rows that are never read; `format` is csv or xlsx."""
    examples = zip(*(column.example for column in columns().values()), strict=True)
    _write(map(list, examples), path, format)


def _counted(rows: Iterable[Requirement], progress: Progress | None) -> Iterator[Requirement]:
    total = len(rows) if isinstance(rows, list | tuple | dict) else None
    number = 0
    for number, row in enumerate(rows, 1):
        yield row
        if progress and number % STEP == 0:
            progress(number, total)
    if progress:
        progress(number, number)


def _cells(row: Requirement) -> list[str]:
    cells = []
    for name in columns():
        try:
            text = written(name, getattr(row, name))
            if len(text) > _EXCEL_CELL:
                raise CatalogueError(say("faults.too_long", length=len(text), limit=_EXCEL_CELL))
        except CatalogueError as error:
            raise CatalogueError(f"{row.id}，{columns()[name].heading}：{error}") from None
        cells.append(guarded(text))
    return cells


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to that takes the place of `path` at the end, and goes if there was an error."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("wb") as handle:
            yield handle
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _write(rows: Iterable[list[str]], path: Path, format: str, content: Content | None = None) -> None:
    headings = [column.heading for column in columns().values()]
    with _whole(path) as handle:
        if format == "csv":
            handle.write(b"\xef\xbb\xbf")
            _write_csv(itertools.chain([headings], rows), handle)
        elif format == "xlsx":
            _workbook(headings, rows, content).save(handle)
        else:
            raise CatalogueError(f"the format {format!r} is not one of {', '.join(FORMATS)}")


class _Encoded:
    """A text file's `write` over a binary one."""

    def __init__(self, handle: IO[bytes]):
        self._handle = handle

    def write(self, text: str) -> int:
        return self._handle.write(text.encode())


def _write_csv(rows: Iterable[list[str]], handle: IO[bytes]) -> None:
    csv.writer(_Encoded(handle)).writerows(rows)


def _workbook(headings: list[str], rows: Iterable[list[str]], content: Content | None) -> Workbook:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(words()["sheet"])
    sheet.freeze_panes = "A2"
    for index, column in enumerate(columns().values(), 1):
        letter = get_column_letter(index)
        sheet.column_dimensions[letter].width = column.width
        if column.field in words()["words"] and not column.separators:
            choice = '"' + ",".join(allowed(column.field).split("、")) + '"'
            rule = DataValidation(type="list", formula1=choice, allow_blank=True)
            rule.add(f"{letter}2:{letter}200001")
            sheet.data_validations.append(rule)
    needed = {column.heading for column in columns().values() if column.required}
    sheet.append(_bold(sheet, headings, needed))
    for cells in rows:
        sheet.append([_excel(sheet, cell) for cell in cells])
    if content is not None:
        for name in words()["lists"]:
            _list(book.create_sheet(sheet_name(name)), name, content)
    _explain(book.create_sheet(words()["explanation"]["sheet"]))
    return book


def _list(sheet: Any, name: str, content: Content) -> None:
    held = columns_of(name)
    sheet.freeze_panes = "A2"
    for index, column in enumerate(held.values(), 1):
        sheet.column_dimensions[get_column_letter(index)].width = column.width
    needed = {c.heading for c in held.values() if c.required}
    sheet.append(_bold(sheet, (c.heading for c in held.values()), needed))
    for line in lines_of(content, name):
        sheet.append([_excel(sheet, guarded(cell)) for cell in line])


def _bold(sheet: Any, texts: Iterable[str], needed: Collection[str]) -> list[WriteOnlyCell]:
    cells = []
    for text in texts:
        cell = WriteOnlyCell(sheet, value=text)
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", start_color="FFF2CC" if text in needed else "D9E2F3")
        cells.append(cell)
    return cells


def _excel(sheet: Any, text: str) -> Any:
    """Return what openpyxl has to be given so that the cell is this text: it takes #N/A for an error, and Excel _x000D_ for CR."""
    text = _EXCEL_ESCAPE.sub("_x005F_", text)
    if text not in ERROR_CODES:
        return text or None
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    return cell


def _explain(sheet: Any) -> None:
    texts = words()["explanation"]
    for letter, width in zip("ABCD", (14, 10, 60, 70), strict=True):
        sheet.column_dimensions[letter].width = width
    for line in texts["lines"]:
        sheet.append([line])
    sheet.append([])
    sheet.append(_bold(sheet, texts["headings"], ()))
    for column in columns().values():
        _explain_column(sheet, column, allowed(column.field) if column.field in words()["words"] else "")
    for name, said in words()["lists"].items():
        sheet.append([])
        sheet.append(_bold(sheet, [f"{texts['further']}“{said['sheet']}”"], ()))
        sheet.append([said["note"]])
        for column in columns_of(name).values():
            _explain_column(sheet, column, "")


def _explain_column(sheet: Any, column: Column, spoken: str) -> None:
    texts = words()["explanation"]
    cells = [column.heading, texts["required" if column.required else "optional"], column.note, spoken]
    made = [WriteOnlyCell(sheet, value=cell) for cell in cells]
    for cell in made:
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.append(made)
