"""Opens files of tables: JSONL, CSV in UTF-8 or GBK, XLSX; by content, whatever the name says, and nothing that could do harm.

A workbook is never given to its parser as it came: its XML parts are unpacked within bounds, each is read once by expat, which
refuses declarations of entities, and only these parts, packed anew, are parsed.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import posixpath
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from .table_columns import heading_field, say, words

SIZE_LIMIT = 50  # MiB of the file
UNPACKED_LIMIT = 400 * 2**20  # bytes of a workbook's XML
PART_LIMIT = 4 * 2**20  # bytes of any part that holds neither cells nor texts
RATIO_LIMIT = 100  # bytes of XML from one packed byte, where there are more than 10 MiB of it
ROW_LIMIT = 200_000
COLUMN_LIMIT = 100
CELL_LIMIT = 10_000_000  # of one sheet from its first cell to its last: the parser keeps the empty ones too
HEADING_ROWS = 10
_KEPT = re.compile(r"\[Content_Types\]\.xml|_rels/\.rels|xl/(_rels/)?[^/]+|xl/worksheets/[^/]+\.xml", re.I)
_LARGE = re.compile(r"worksheets/|sharedStrings|styles", re.I)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})")


class Refused(Exception):
    """The file as a whole cannot be read; the message says why, in Chinese, for the clerk. `row` is 0 where there is none."""

    def __init__(self, message: str, row: int = 0):
        super().__init__(message)
        self.row = row


@dataclass
class Sheet:
    """A grid of cells: `rows` yields (row number from 1, cells); `total` is about how many rows there are.

    `flaws` are the cells, by (row, column from 0), that hold no value but a fault; `banners` the rows of one wide merged cell.
    """

    name: str
    rows: Iterator[tuple[int, list[Any]]]
    total: int
    flaws: dict[tuple[int, int], str] = field(default_factory=dict)
    banners: set[int] = field(default_factory=set)


@dataclass
class Records:
    """The objects of a JSONL file: `rows` yields (line number from 1, object)."""

    rows: Iterator[tuple[int, dict[str, Any]]]
    total: int


@contextlib.contextmanager
def opened(path: Path, notices: list[str]) -> Iterator[list[Sheet] | Records]:
    """Open the file for as long as the context lasts; what should be known about it is added to `notices`.

    Raises Refused, on entry or while rows are read.
    """
    try:
        size = path.stat().st_size
        if size > SIZE_LIMIT * 2**20:
            raise Refused(say("faults.too_big", size=size // 2**20, limit=SIZE_LIMIT))
        content = path.read_bytes()
    except OSError as error:
        raise Refused(say("faults.unreadable", reason=error.strerror or type(error).__name__)) from None
    if content.startswith(b"PK"):
        with tempfile.NamedTemporaryFile(suffix=".xlsx") as clean:
            yield _workbook(content, clean, notices)
        return
    if content.startswith(_OLE):
        locked = "EncryptedPackage".encode("utf-16-le") in content
        raise Refused(say("faults.encrypted" if locked else "faults.old_excel"))
    text = _decoded(content, notices)
    head = text.lstrip()[:512].lower()
    if head.startswith(("<html", "<!doctype", "<table", "<?xml", "<meta")):
        raise Refused(say("faults.web_page"))
    if not head:
        raise Refused(say("faults.empty"))
    yield _records(text) if head.startswith("{") else [_grid(text)]


def _decoded(content: bytes, notices: list[str]) -> str:
    """Return the text of a file in UTF-8, UTF-16 with a mark, or GB18030 (which holds GBK and GB2312)."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        notices.append(say("notices.encoding", encoding="UTF-16"))
        try:
            return _without_nul(content.decode("utf-16"))
        except UnicodeDecodeError:
            raise Refused(say("faults.encoding", row=1)) from None
    if b"\0" in content:
        raise Refused(say("faults.nul"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _check_one_encoding(content)
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError as error:
        raise Refused(say("faults.encoding", row=content.count(b"\n", 0, error.start) + 1)) from None
    notices.append(say("notices.encoding", encoding="GBK"))
    return text


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise Refused(say("faults.nul"))
    return text


def _check_one_encoding(content: bytes) -> None:
    # Text in GBK is hardly ever valid UTF-8 over as many as nine bytes, so such a line beside an invalid one tells of a mixture.
    surely = otherwise = 0
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            otherwise = otherwise or number
        else:
            if not surely and re.search(rb"[\x80-\xff]{9}", line):
                surely = number
        if surely and otherwise:
            raise Refused(say("faults.mixed_encoding", one=surely, other=otherwise))


def _records(text: str) -> Records:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            raise Refused(say("faults.repeated_key", key=next(n for n in names if names.count(n) > 1)))
        return made

    def rows() -> Iterator[tuple[int, dict[str, Any]]]:
        count = 0
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                made = json.loads(line, object_pairs_hook=once)
            except Refused as refusal:
                raise Refused(str(refusal), number) from None
            except (ValueError, RecursionError) as error:
                reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
                raise Refused(say("faults.not_json", reason=reason), number) from None
            if not isinstance(made, dict):
                raise Refused(say("faults.not_object"), number)
            count += 1
            _check_rows(count)
            yield number, made

    return Records(rows(), text.count("\n") + 1)


def _check_rows(count: int) -> None:
    if count > ROW_LIMIT + HEADING_ROWS:
        raise Refused(say("faults.too_many_rows", limit=ROW_LIMIT))


def _grid(text: str) -> Sheet:
    def rows(delimiter: str, source: io.StringIO) -> Iterator[tuple[int, list[Any]]]:
        number = 0
        try:
            for number, cells in enumerate(csv.reader(source, delimiter=delimiter, strict=True), 1):
                _check_rows(number)
                if len(cells) > COLUMN_LIMIT and any(cells[COLUMN_LIMIT:]):
                    raise Refused(say("faults.too_many_columns", limit=COLUMN_LIMIT), number)
                yield number, cells
        except csv.Error as error:
            raise Refused(say("faults.quotes", reason=error), number + 1) from None

    def fit(delimiter: str) -> int:
        best = 0
        with contextlib.suppress(Refused):
            for number, cells in rows(delimiter, io.StringIO(text[:200_000], newline="")):
                best = max(best, len({heading_field(c) for c in cells} - {None, ""}))
                if number == HEADING_ROWS:
                    break
        return best

    delimiter = max((",", ";", "\t"), key=fit)  # the first of equals
    return Sheet("", rows(delimiter, io.StringIO(text, newline="")), text.count("\n") + 1)


@dataclass
class _Scan:
    """What one look through a sheet's XML tells: its size, merged cells, hidden rows, cells with a fault for a value."""

    rows: int = 0
    columns: int = 0
    hidden: int = 0
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    flaws: dict[tuple[int, int], str] = field(default_factory=dict)


def _workbook(content: bytes, clean: Any, notices: list[str]) -> list[Sheet]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            scans = _repack(archive, clean)
            clean.flush()
            parts = _parts(clean.name)
        book = _calamine(CalamineWorkbook.from_path, clean.name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError, ValueError):
        raise Refused(say("faults.broken_workbook")) from None
    except (expat.ExpatError, ElementTree.ParseError):
        raise Refused(say("faults.broken_workbook")) from None
    sheets = []
    for meta in book.sheets_metadata:
        if meta.typ != SheetTypeEnum.WorkSheet:
            continue
        if meta.visible != SheetVisibleEnum.Visible:
            notices.append(say("notices.hidden_sheet", sheet=meta.name))
            continue
        scan = scans.get(parts.get(meta.name, ""), _Scan())
        if scan.hidden:
            notices.append(say("notices.hidden_rows", sheet=meta.name, count=scan.hidden))
        banners: set[int] = set()
        sheets.append(
            Sheet(meta.name, _filled(book, meta.name, scan, banners), scan.rows, scan.flaws, banners)
        )
    return sheets


def _calamine(call: Any, *arguments: Any) -> Any:
    """Return what the parser's `call` gives. Raises Refused for all that goes wrong in it, a panic of its Rust code too."""
    try:
        return call(*arguments)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if (
            isinstance(error, CalamineError | ValueError | OSError)
            or type(error).__name__ == "PanicException"
        ):
            raise Refused(say("faults.broken_workbook")) from None
        raise


def _repack(archive: zipfile.ZipFile, clean: Any) -> dict[str, _Scan]:
    """Copy the XML parts of `archive` that matter into the file `clean` and return the scan of each sheet by its part's name."""
    members = [m for m in archive.infolist() if _KEPT.fullmatch(m.filename)]
    names = [m.filename.lower() for m in members]
    if any(m.flag_bits & 1 for m in members):
        raise Refused(say("faults.encrypted"))
    if "xl/workbook.xml" not in names:
        raise Refused(say("faults.not_workbook"))
    if len(set(names)) < len(names):
        raise Refused(say("faults.broken_workbook"))
    if any(m.file_size > PART_LIMIT for m in members if not _LARGE.search(m.filename)):
        raise Refused(say("faults.zip_bomb"))
    unpacked, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if unpacked > UNPACKED_LIMIT or (unpacked > 10 * 2**20 and unpacked > RATIO_LIMIT * packed):
        raise Refused(say("faults.zip_bomb"))
    scans = {}
    with zipfile.ZipFile(clean, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as fresh:
        for member in members:
            scan = _Scan()
            parser = _scanner(scan if "/worksheets/" in member.filename.lower() else None)
            with archive.open(member) as source, fresh.open(member.filename, "w", force_zip64=True) as target:
                while chunk := source.read(2**20):
                    if member.filename.lower().endswith((".xml", ".rels")):
                        parser.Parse(chunk, False)
                    target.write(chunk)
            if member.filename.lower().endswith((".xml", ".rels")):
                parser.Parse(b"", True)
            scans[member.filename] = scan
    return scans


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _scanner(scan: _Scan | None) -> Any:
    """Return an expat parser that refuses a DOCTYPE and, for a sheet, fills `scan`."""
    parser = expat.ParserCreate()

    def doctype(*_: Any) -> None:
        raise Refused(say("faults.entities"))

    parser.StartDoctypeDeclHandler = doctype
    if scan is None:
        return parser
    row = 0
    column = -1
    kind = ""
    in_value = False
    value = ""
    known: dict[str, int] = {}

    def end(tag: str) -> None:
        nonlocal in_value, value
        if tag.rpartition(":")[2] != "c":
            return
        if kind == "e" or not (value or kind == "str"):  # a formula may well give an empty text
            scan.flaws[row, column] = value
            if len(scan.flaws) > 100_000:
                raise Refused(say("faults.formula"))
        in_value = False
        value = ""
        parser.CharacterDataHandler = parser.EndElementHandler = None

    def watch() -> None:
        parser.CharacterDataHandler, parser.EndElementHandler = text, end

    def text(data: str) -> None:
        nonlocal value
        if in_value:
            value = (value + data)[:40]

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, kind, in_value
        name = tag.rpartition(":")[2]
        if name == "c":
            reference = attributes.get("r")
            if reference:
                letters = reference.rstrip("0123456789")
                if letters not in known:
                    if not _REFERENCE.fullmatch(reference):
                        raise Refused(say("faults.broken_workbook"))
                    known[letters] = _column(letters)
                column = known[letters]
                row = int(reference[len(letters) :])
            else:
                column += 1
            in_value = False
            kind = attributes.get("t", "")
            if kind == "e":
                watch()
        elif name in ("v", "is"):
            in_value = True
            if row > scan.rows:
                scan.rows = row
            if column >= scan.columns:
                scan.columns = column + 1
        elif name == "f":
            in_value = False
            watch()
        elif name == "row":
            row = int(attributes.get("r") or row + 1)
            column = -1
            if attributes.get("hidden") in ("1", "true"):
                scan.hidden += 1
        elif name == "mergeCell":
            ends = [_REFERENCE.fullmatch(end) for end in attributes.get("ref", "").split(":")]
            if len(ends) == 2 and ends[0] and ends[1]:
                (top, left), (bottom, right) = ((int(e[2]), _column(e[1])) for e in ends if e)
                scan.merged.append((top, left, bottom, right))

    parser.StartElementHandler = start
    return parser


def _parts(name: str) -> dict[str, str]:
    """Return the part of each sheet of the clean workbook by the sheet's name."""
    with zipfile.ZipFile(name) as archive:
        held = {n.lower(): n for n in archive.namelist()}
        book = ElementTree.fromstring(archive.read(held["xl/workbook.xml"]))
        links = ElementTree.fromstring(archive.read(held["xl/_rels/workbook.xml.rels"]))
    targets = {e.get("Id"): e.get("Target", "") for e in links}
    parts = {}
    for element in book.iter():
        if element.tag.rpartition("}")[2] == "sheet":
            key = next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
            target = posixpath.normpath(posixpath.join("/xl", targets.get(key, ""))).lstrip("/")
            parts[element.get("name", "")] = held.get(target.lower(), "")
    return parts


def _filled(book: Any, name: str, scan: _Scan, banners: set[int]) -> Iterator[tuple[int, list[Any]]]:
    """Yield a sheet's rows, the cells under a merged one with its value; numbers of banner rows go to `banners` before they come."""
    _check_rows(scan.rows)
    if scan.columns > COLUMN_LIMIT:
        raise Refused(say("faults.too_many_columns", limit=COLUMN_LIMIT))
    if scan.rows * scan.columns > CELL_LIMIT:
        raise Refused(say("faults.too_many_rows", limit=ROW_LIMIT))
    starting: dict[int, list[tuple[int, int, int]]] = {}
    area = 0
    for top, left, bottom, right in scan.merged:
        bottom, right = min(bottom, scan.rows), min(right, scan.columns - 1)
        if top <= bottom and left <= right:
            area += (bottom - top + 1) * (right - left + 1)
            starting.setdefault(top, []).append((left, right, bottom))
    if area > 2 * CELL_LIMIT:
        raise Refused(say("faults.broken_workbook"))
    running: list[tuple[int, int, int, Any]] = []
    rows = _calamine(_calamine(book.get_sheet_by_name, name).iter_rows)
    number = 0
    while (cells := _calamine(next, rows, None)) is not None:
        number += 1
        if running or number in starting:
            full = [i for i, cell in enumerate(cells) if cell != ""]
            running = [m for m in running if m[2] >= number]
            for left, right, bottom in starting.get(number, ()):
                if left < len(cells):
                    running.append((left, right, bottom, cells[left]))
                    if right - left >= 2 and full == [left]:
                        banners.add(number)
            for left, right, _, value in running:
                cells[left : right + 1] = [value] * (min(right + 1, len(cells)) - left)
        yield number, cells


def is_explanation(sheet: Sheet) -> bool:
    """Return whether the sheet is the one that our own tables explain themselves on."""
    return sheet.name == words()["explanation"]["sheet"]
