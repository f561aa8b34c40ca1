"""The columns of tables of requirements: their headings, and how their cells are read and written."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz.distance import OSA

from .errors import CatalogueError
from .regions import COUNTRY, Region, Regions, short_name
from .requirement import LISTS
from .text import canonical

CELL_LIMIT = 4000  # characters
NEEDED = ("proof", "matter", "region", "status")
Value = str | tuple[str, ...] | None
Read = Callable[[Any], Value]

# Spaces of all widths and the invisible marks that copied text drags along at its ends.
_ENDS = " \t\n\r\v\f\u00a0\u1680\u180e\u3000\ufeff\u202f\u205f\u2028\u2029" + "".join(
    map(chr, [*range(0x2000, 0x2010), *range(0x2060, 0x2065)])
)
# Controls, marks that reorder text on the screen, halves of characters, and what XML cannot hold.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
# A spreadsheet program would run what begins so; the apostrophe keeps it text (CWE-1236).
_RUNS = re.compile("'*[=+\\-@\t\r＝＋－＠]")
_ESCAPED = re.compile("'+[=+\\-@\t\r＝＋－＠]")
_BRACKETS = re.compile(r"[（(【\[〔{][^）)】\]〕}]*[）)】\]〕}]?")
_ID = re.compile(r"F[0-9]{3,9}")
_DAY = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?(?:[T\s]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
)
_MONTH = re.compile(r"\d{4}\s*年?|\d{4}\s*[-/.年]\s*\d{1,2}\s*月?")
_NUMERALS = re.compile(
    r"([〇零○一二三四五六七八九]{4})年([一二三四五六七八九十]{1,3})月([一二三四五六七八九十]{1,3})[日号]"
)
_DIGITS = {**{c: i for i, c in enumerate("零一二三四五六七八九")}, "〇": 0, "○": 0}
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_EPOCH = date(1899, 12, 30)  # Excel's day 0, with its leap day that never was already behind it


class CellFault(Exception):
    """A cell cannot be read; the message says why, in Chinese, for the clerk. `field` is set where it is another column's."""

    def __init__(self, message: str, field: str = ""):
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Column:
    """One column: the `field` of Requirement it holds, its `heading`, and how it is explained and laid out."""

    field: str
    heading: str
    note: str
    width: int
    also: tuple[str, ...] = ()
    required: bool = False
    separators: str = ""
    default: str = ""
    example: tuple[str, ...] = ()


@functools.lru_cache(maxsize=1)
def words() -> dict[str, Any]:
    """Return `tables.yml`: columns, words of cells, messages."""
    return yaml.safe_load(Path(__file__).with_name("tables.yml").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=1)
def columns() -> dict[str, Column]:
    """Return all columns by field, in the order in which they are written."""
    made = {}
    for entry in words()["columns"]:
        lists = {name: tuple(entry.get(name, ())) for name in ("also", "example")}
        made[entry["field"]] = Column(**{**entry, **lists})
    return made


def say(key: str, /, **values: Any) -> str:
    """Return the message `key` (as in `faults.date`) with `values` filled in, long ones cut."""
    section, _, name = key.partition(".")
    return words()[section][name].format(**{k: shown(v) for k, v in values.items()})


def shown(value: Any, limit: int = 60) -> str:
    """Return `value` as it may stand in a message: on one line, not longer than `limit` characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def bare(text: str) -> str:
    """Return the form in which headings and words are compared: simplified, lower case, letters and digits only."""
    return re.sub(r"[\W_]+", "", canonical(text))


@functools.lru_cache(maxsize=1)
def _headings() -> dict[str, str]:
    made = {bare(name): "" for name in words()["passed_over"]}
    for column in columns().values():
        for name in (column.heading, *column.also, column.field):
            made[bare(name)] = column.field
    return made


@functools.lru_cache(maxsize=4096)
def heading_field(heading: str) -> str | None:
    """Return the field that a heading stands for, "" for one that holds nothing for us, None for an unknown one.

    Brackets and what follows a colon or a line break are remarks; one name must fit exactly.
    """
    known = _headings()
    for form in (heading, _BRACKETS.sub("", heading), re.split(r"[：:\n]", heading.strip())[0]):
        name = bare(form)
        if name in known and (name or not heading.strip()):
            return known[name]
    return None


def near_field(heading: str) -> str | None:
    """Return the one field whose heading of four or more characters is a single slip away, None if there are none or several."""
    name = bare(_BRACKETS.sub("", heading))
    if len(name) < 4:
        return None
    fields = {f for known, f in _headings().items() if len(known) >= 4 and OSA.distance(name, known) == 1}
    return fields.pop() if len(fields) == 1 else None


def text_of(raw: Any, limit: int = CELL_LIMIT) -> str:
    """Return a cell as clean text: without blanks around it, with plain line breaks, whole numbers without a fraction.

    Raises CellFault for hidden characters, more than `limit` characters, or what is no text, number or date.
    """
    if raw is None:
        return ""
    if type(raw) is not str:
        raw = _plain(raw)
    text = raw.strip(_ENDS)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > limit:
        raise CellFault(say("faults.too_long", length=len(text), limit=limit))
    if _HIDDEN.search(text):
        raise CellFault(say("faults.hidden_characters"))
    return text


def _plain(raw: Any) -> str:
    if isinstance(raw, bool):
        return str(raw).upper()
    if isinstance(raw, int):
        return str(raw)
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() else repr(raw)
    if isinstance(raw, datetime):
        return raw.date().isoformat() if raw.time().isoformat() == "00:00:00" else raw.isoformat(" ")
    if isinstance(raw, date):
        return raw.isoformat()
    raise CellFault(say("faults.not_text"))


def guarded(text: str) -> str:
    """Return `text` with an apostrophe before it if a spreadsheet program might run it as a formula."""
    return "'" + text if _RUNS.match(text) else text


def unguarded(raw: Any) -> Any:
    """Return a cell without the apostrophe that `guarded` put before it."""
    return raw[1:] if type(raw) is str and raw[:1] == "'" and _ESCAPED.match(raw) else raw


def read_day(raw: Any) -> str:
    """Return a date cell as YYYY-MM-DD, empty for an empty cell or one that says that there is no end.

    Takes 2025-03-04 with the usual marks, 20250304, 二〇二五年三月四日, dates of Excel and their serial numbers (days since 1899-12-30).
    """
    if isinstance(raw, date):
        day = raw.date() if isinstance(raw, datetime) else raw
    else:
        text = unicodedata.normalize("NFKC", text_of(raw)).strip()
        if not text or text in words()["no_date"]:
            return ""
        day = _day(text)
    if not 1900 <= day.year < 2200:
        raise CellFault(say("faults.date_range", value=day))
    return day.isoformat()


def _day(text: str) -> date:
    try:
        if match := _DAY.fullmatch(text):
            return date(*map(int, match.groups()))
        if match := _NUMERALS.fullmatch(text):
            year = int("".join(str(_DIGITS[c]) for c in match[1]))
            return date(year, _numeral(match[2]), _numeral(match[3]))
        if re.fullmatch(r"\d{8}", text):
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        if _SERIAL.fullmatch(text):
            return _EPOCH + timedelta(days=int(float(text)))
    except (ValueError, OverflowError):
        raise CellFault(say("faults.date", value=text)) from None
    raise CellFault(say("faults.date_without_day" if _MONTH.fullmatch(text) else "faults.date", value=text))


def _numeral(text: str) -> int:
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return _DIGITS[text] if len(text) == 1 else 0
    return (_DIGITS[tens] if tens else 1) * 10 + (_DIGITS[ones] if ones else 0)


def _read_source_date(raw: Any) -> str:
    # A bare number of five digits in a cell of numbers can only be a day that lost its format.
    if isinstance(raw, float) and _SERIAL.fullmatch(text_of(raw)):
        return read_day(raw)
    return text_of(raw)


def read_id(raw: Any) -> str:
    """Return an id as F and digits, or an empty text."""
    text = unicodedata.normalize("NFKC", text_of(raw)).upper().strip()
    if text and not _ID.fullmatch(text):
        raise CellFault(say("faults.id", value=text))
    return text


@functools.cache
def _codes(field: str) -> dict[str, str]:
    known = words()["words"][field]
    return {bare(word): code for code, spoken in known.items() for word in (code, *spoken)}


def read_word(field: str, raw: Any) -> str:
    """Return the code that a word stands for in the column `field`, an empty text for an empty cell."""
    text = text_of(raw)
    if not text:
        return ""
    try:
        return _codes(field)[bare(text)]
    except KeyError:
        raise CellFault(say("faults.word", value=text, words=allowed(field))) from None


def allowed(field: str) -> str:
    """Return the words that may stand in the column `field`, the first of each meaning."""
    return "、".join(spoken[0] for spoken in words()["words"][field].values())


def _item(field: str, text: str) -> str:
    if field == "paths":
        return read_word(field, text)
    if field == "see_also":
        return read_id(text)
    return text


def _spoken_item(field: str, text: str) -> str:
    if field == "inferred":
        return next((c.field for c in columns().values() if c.heading == text), text)
    return _item(field, text)


def read_list(field: str, raw: Any) -> tuple[str, ...]:
    """Return the items of a cell, cut at the column's separators; a JSON list is taken as it stands."""
    if isinstance(raw, list):
        return _literal(field, raw)
    text = text_of(raw)
    items = _json_list(text)
    if items is not None:
        return _literal(field, items)
    return tuple(_spoken_item(field, piece) for piece in _pieces(columns()[field], text))


def cut(column: Column, raw: Any) -> tuple[str, ...]:
    """Return the items of a cell of another table, cut at its column's separators; a JSON list is taken as it stands."""
    text = text_of(raw)
    items = _json_list(text)
    return tuple(_pieces(column, text) if items is None else items)


def _pieces(column: Column, text: str) -> list[str]:
    pieces = re.split(f"[{re.escape(column.separators)}]", text)
    return [piece for piece in (p.strip(_ENDS) for p in pieces) if piece]


def _json_list(text: str) -> list[str] | None:
    """Return the texts that `text` lists in JSON, None if it is no such list."""
    if text[:1] != "[" or text[-1:] != "]":
        return None
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return items if isinstance(items, list) and all(isinstance(i, str) for i in items) else None


def _literal(field: str, items: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(item, str) for item in items):
        raise CellFault(say("faults.not_text"))
    return tuple(_item(field, text) for text in (text_of(item) for item in items) if text)


@functools.lru_cache(maxsize=50_000)
def _written_list(field: str, items: tuple[str, ...]) -> str:
    if field == "paths":
        spoken = [words()["words"][field][item][0] for item in items]
    elif field == "inferred":
        spoken = [columns()[item].heading if item in columns() else item for item in items]
    else:
        spoken = list(items)
    text = "；".join(spoken)
    with contextlib.suppress(CellFault):
        if read_list(field, text) == items:
            return text
    return json.dumps(items, ensure_ascii=False)


def written(field: str, value: str | tuple[str, ...]) -> str:
    """Return the cell that holds `value`, in Chinese words where there are some; reading it gives `value` back.

    Raises CatalogueError if the value has characters that no table can hold.
    """
    text = "\n".join(value) if isinstance(value, tuple) else value
    if _HIDDEN.search(text):
        raise CatalogueError(f"{columns()[field].heading}: {say('faults.hidden_characters')}")
    if isinstance(value, tuple):
        return _written_list(field, value)
    spoken = words()["words"].get(field)
    return spoken[value][0] if spoken and value in spoken else value


class Places:
    """Reads what tables write for places."""

    def __init__(self, regions: Regions):
        self._regions = regions
        self._known: dict[tuple[str, str], tuple[str, str] | CellFault] = {}

    def read(self, name: str, code: str) -> tuple[str, str]:
        """Return the (name, code) of the place that the cells say; one of them may be empty.

        With a code the name stays as written (南京市鼓楼区, 320106). Without one it stays where it ends with the official name, and
        former and short names become the official one. Raises CellFault if there is no such place, there are several, or name and
        code disagree.
        """
        key = (name, code)
        if key not in self._known:
            try:
                self._known[key] = self._read(name, code)
            except CellFault as fault:
                self._known[key] = fault
        found = self._known[key]
        if isinstance(found, CellFault):
            raise found
        return found

    def _read(self, name: str, code: str) -> tuple[str, str]:
        code = unicodedata.normalize("NFKC", code)
        if not code and re.fullmatch(r"\d{6}(\d{6})?", unicodedata.normalize("NFKC", name)):
            name, code = "", unicodedata.normalize("NFKC", name)
        if code:
            region = self._by_code(code)
            if name and short_name(region.name) not in name and self._named(name).code != region.code:
                message = say("faults.region_disagrees", name=name, code=code, official=region.name)
                raise CellFault(message, "region")
            return name or region.name, region.code
        region = self._named(name)
        return (name if name.endswith(region.name) else region.name), region.code

    def _by_code(self, code: str) -> Region:
        short = code[:6] if re.fullmatch(r"\d{6}0{6}", code) else code
        try:
            return self._regions.get(short)
        except CatalogueError:
            raise CellFault(say("faults.region_code", value=code), "region_code") from None

    def _named(self, written: str) -> Region:
        name = re.sub(r"\s+", "", canonical(written))
        if name in words()["countrywide"]:
            return self._regions.get(COUNTRY)
        if name in words()["home_province"]:
            return self._regions.get(self._regions.home)
        found = self._regions.find(name)
        if len(found) > 1:
            raise CellFault(say("faults.region_many", value=name), "region")
        if found and found[0][1:] == (0, len(name)):
            return found[0][0]
        shared = sum(self._regions.get(code).name == name for code in self._regions.codes())
        key = "faults.region_ambiguous" if shared > 1 else "faults.region"
        raise CellFault(say(key, value=name), "region")


def reader(field: str) -> Read:
    """Return what reads a cell of the column `field`: a text, a tuple for lists, None where an empty cell says nothing."""
    if field in LISTS:
        return _remembered(lambda raw: read_list(field, raw))
    if field in ("valid_from", "valid_until", "checked_at"):
        return _remembered(read_day)
    if field in words()["words"]:
        if columns()[field].default:
            return _remembered(lambda raw: read_word(field, raw) or None)
        return _remembered(lambda raw: read_word(field, raw))
    if field == "id":
        return read_id
    if field == "source_date":
        return _read_source_date
    if columns()[field].default:
        return lambda raw: text_of(raw) or None
    return text_of


def _remembered(read: Read) -> Read:
    """Return `read` with its answers for texts kept: such columns hold few different cells."""
    known: dict[str, Value] = {}

    def remembering(raw: Any) -> Value:
        if type(raw) is not str:
            return read(raw)
        try:
            return known[raw]
        except KeyError:
            value = read(raw)
            if len(known) < 20_000:
                known[raw] = value
            return value

    return remembering
