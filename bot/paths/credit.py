"""Credit standing (信用核查): asked before a pledge; what it does to the pledge stands in data/credit.yml."""

from __future__ import annotations

import csv
import functools
import hashlib
import logging
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import yaml

from bot.casebook.pledges import HANDLINGS
from bot.settings import Settings, SettingsError

from .service import ServiceDown, SignedService
from .working_time import CHINA

_COLUMNS = ("id_number", "handling", "reason", "source", "until")
_log = logging.getLogger("mianzheng.credit")


@dataclass(frozen=True)
class Standing:
    """How a person's pledges are handled and why; `degraded` if the platform could not be asked."""

    handling: str  # one of HANDLINGS
    reason: str  # in words for the citizen; empty where nothing stands against them
    source: str
    degraded: bool = False


class CreditRecords(Protocol):
    """Whoever knows a person's credit standing."""

    def standing(self, id_number: str, name: str) -> Standing:
        """Return the standing of a person; never raises because a service is down."""


class RecordedFalsePledges(Protocol):
    """The part of the casebook that knows recorded false pledges (`casebook.credit`)."""

    def counting(self, id_number: str) -> list[Any]:
        """Return the records that count against a person, the gravest first."""


@functools.lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_name("data").joinpath("credit.yml").read_text(encoding="utf-8"))


def handling_words(handling: str) -> dict[str, Any]:
    """Return a handling's `name` and `effect` in words for the citizen, and whether a source bears it out (`verified`)."""
    return _data()["handlings"][handling]


def kept_until(found_at: datetime) -> datetime:
    """Return when a record of a false pledge found at that moment no longer counts."""
    local = found_at.astimezone(CHINA)
    years = int(_data()["record"]["kept_years"])
    try:
        return local.replace(year=local.year + years)
    except ValueError:  # 29 February
        return local.replace(year=local.year + years, month=3, day=1)


class LocalCreditRecords:
    """The embedded default: a list on this machine, and the false pledges that staff have recorded.

    The list is `credit_list.csv` below the data folder, with the columns id_number, handling, reason, source, until
    (a date; may be empty); it is read anew when it changes. Without it only the casebook is asked.
    """

    def __init__(self, path: Path, recorded: RecordedFalsePledges) -> None:
        self._path, self._recorded = path, recorded
        self._held: dict[str, list[tuple[Standing, date | None]]] = {}
        self._stamp: tuple[int, int] | None = None

    def standing(self, id_number: str, name: str) -> Standing:
        """Return the gravest standing that either holds; `normal` if neither knows the person. Raises SettingsError for a faulty list."""
        self._read()
        today = datetime.now(CHINA).date()
        found = [s for s, until in self._held.get(_key(id_number), []) if until is None or until >= today]
        for record in self._recorded.counting(id_number)[:1]:
            found.append(Standing(record.handling, _data()["record"]["reason"], record.source))
        return max(found, key=lambda s: HANDLINGS.index(s.handling), default=Standing("normal", "", ""))

    def _read(self) -> None:
        try:
            state = self._path.stat()
        except FileNotFoundError:
            self._held, self._stamp = {}, None
            return
        stamp = (state.st_mtime_ns, state.st_size)
        if stamp == self._stamp:
            return
        held: dict[str, list[tuple[Standing, date | None]]] = {}
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            if tuple(lines.fieldnames or ()) != _COLUMNS:
                raise SettingsError(f"{self._path}: the first line must be {','.join(_COLUMNS)}")
            for line in lines:
                where = f"{self._path}, line {lines.line_num}"
                if line["handling"] not in HANDLINGS or not line["id_number"]:
                    raise SettingsError(f"{where}: id_number or handling is wrong")
                try:
                    until = date.fromisoformat(line["until"]) if line["until"] else None
                except ValueError:
                    raise SettingsError(f"{where}: until is no date (YYYY-MM-DD)") from None
                standing = Standing(line["handling"], line["reason"] or "", line["source"] or "")
                held.setdefault(_key(line["id_number"]), []).append((standing, until))
        self._held, self._stamp = held, stamp


class HttpCreditRecords:
    """A credit platform, asked over HTTP; the graver of its word and the local one counts.

    The platform gets POST /standing {"id_number", "name"}, signed (see service.py), and gives
    {"handling": one of HANDLINGS, "reason", "source"}. Where it is down the pledge goes on as 核后办理.
    """

    def __init__(self, service: SignedService, local: CreditRecords) -> None:
        self._service, self._local = service, local

    def standing(self, id_number: str, name: str) -> Standing:
        """Return the standing of a person; `degraded` if the platform gave no usable answer."""
        local = self._local.standing(id_number, name)
        try:
            found = self._service.ask("/standing", {"id_number": id_number, "name": name})
            if found.get("handling") not in HANDLINGS:
                raise ServiceDown("its answer names no handling")
            asked = Standing(
                found["handling"], str(found.get("reason") or ""), str(found.get("source") or "")
            )
        except ServiceDown as error:
            _log.warning("the credit service was not reached: %s", error)
            held = _data()["degraded"]
            asked = Standing(held["handling"], held["reason"], "", degraded=True)
        if local.handling == "normal":  # nothing is known here: the platform alone has a say
            return asked
        return max(asked, local, key=lambda s: HANDLINGS.index(s.handling))


def open_credit_records(settings: Settings, recorded: RecordedFalsePledges) -> CreditRecords:
    """Return whom to ask by the settings: the platform at MIANZHENG_CREDIT_URL, else the local list and the casebook."""
    local = LocalCreditRecords(settings.data / "credit_list.csv", recorded)
    if not settings.credit_url:
        return local
    return HttpCreditRecords(SignedService(settings.credit_url, settings.credit_secret), local)


def _key(id_number: str) -> str:
    return hashlib.sha256("".join(id_number.split()).upper().encode()).hexdigest()
