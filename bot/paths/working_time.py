"""When offices work, and when an answer is due; the facts stand in data/working_time.yml and data/verification.yml."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import chinese_calendar
import yaml

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
DATA = Path(__file__).with_name("data")
_MOST_DAYS = 60  # the longest row of days without work that is believed


@functools.lru_cache(maxsize=8)
def _read(name: str) -> dict[str, Any]:
    return yaml.safe_load((DATA / name).read_text(encoding="utf-8"))


def for_region(by_region: dict[str, Any], region: str) -> dict[str, Any]:
    """Return the settings of a GB/T 2260 code: the country's, overlaid by province, city and county where they stand."""
    found: dict[str, Any] = {}
    for code in ("000000", region[:2] + "0000", region[:4] + "00", region):
        found.update(by_region.get(code) or {})
    return found


def holidays_known(day: date) -> bool:
    """Say whether the holidays of that year have been announced, so that a working day is more than a guess."""
    data = _read("working_time.yml")
    if any(day.year == date.fromisoformat(str(d)).year for d in [*data["days_off"], *data["days_on"]]):
        return True
    try:
        chinese_calendar.is_workday(day)
    except NotImplementedError:
        return False
    return True


def is_working_day(day: date) -> bool:
    """Say whether offices work on that day; in years whose holidays are not announced, on Monday to Friday."""
    data = _read("working_time.yml")
    for key, answer in (("days_off", False), ("days_on", True)):
        if day.isoformat() in {str(d) for d in data[key]}:
            return answer
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


@dataclass(frozen=True)
class OfficeHours:
    """The hours of a working day in one region, as (from, to) pairs in China's time."""

    spans: tuple[tuple[time, time], ...]

    def is_open(self, moment: datetime) -> bool:
        """Say whether offices are open at that moment."""
        local = moment.astimezone(CHINA)
        return is_working_day(local.date()) and any(a <= local.time() < b for a, b in self.spans)

    def next_open(self, moment: datetime) -> datetime:
        """Return the first moment from this one on at which offices are open."""
        local = moment.astimezone(CHINA)
        for ahead in range(_MOST_DAYS):
            day = local.date() + timedelta(days=ahead)
            if is_working_day(day):
                for start, end in self.spans:
                    at = max(local, datetime.combine(day, start, CHINA))
                    if at < datetime.combine(day, end, CHINA):
                        return at
        raise ValueError(f"no working day within {_MOST_DAYS} days of {local.date()}")

    def add_open_time(self, moment: datetime, length: timedelta) -> datetime:
        """Return the moment at which offices have been open for `length` since this one."""
        at = self.next_open(moment)
        while True:
            end = next(datetime.combine(at.date(), b, CHINA) for a, b in self.spans if a <= at.time() < b)
            if at + length <= end:
                return at + length
            length -= end - at
            at = self.next_open(end)

    def add_working_days(self, moment: datetime, length: timedelta) -> datetime:
        """Return the moment `length` later by the clock, from the next opening on, days without work left out."""
        at = self.next_open(moment)
        while True:
            midnight = datetime.combine(at.date() + timedelta(days=1), time(), CHINA)
            if at + length <= midnight:
                return at + length
            length -= midnight - at
            at = midnight
            while not is_working_day(at.date()):
                at += timedelta(days=1)


def office_hours(region: str) -> OfficeHours:
    """Return the office hours of a GB/T 2260 code."""
    spans = for_region(_read("working_time.yml")["hours"], region)["open"]
    parsed = tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in (s.split("-") for s in spans))
    return OfficeHours(parsed)


def hours_said(region: str) -> tuple[str, bool]:
    """Return the office hours of a GB/T 2260 code as they are said, and whether a source bears them out."""
    found = for_region(_read("working_time.yml")["hours"], region)
    return "、".join(found["open"]), bool(found["verified"])


@dataclass(frozen=True)
class VerificationTimes:
    """How long an answer may take in one region, and when staff are reminded of it."""

    length: timedelta
    count: str  # open_time: only while offices are open; working_days: by the clock, without days off
    remind_after: float  # share of the time that may have passed before a reminder
    hours: OfficeHours

    def due(self, opened: datetime) -> datetime:
        """Return when an answer to a request opened at that moment is due."""
        if self.count == "open_time":
            return self.hours.add_open_time(opened, self.length)
        return self.hours.add_working_days(opened, self.length)

    def remind(self, opened: datetime, due: datetime) -> datetime:
        """Return when staff are to be reminded."""
        start = min(self.hours.next_open(opened), due)
        return start + (due - start) * self.remind_after


def verification_times(region: str, immediate: bool) -> VerificationTimes:
    """Return the times that hold for a GB/T 2260 code, for matters decided at once or for others."""
    found = for_region(_read("verification.yml")["times"], region)["immediate" if immediate else "other"]
    return VerificationTimes(
        timedelta(minutes=found["minutes"]), found["count"], found["remind_after"], office_hours(region)
    )
