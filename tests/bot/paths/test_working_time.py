"""Working time and due times."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
import yaml

from bot.paths import working_time
from bot.paths.working_time import (
    CHINA,
    DATA,
    for_region,
    holidays_known,
    is_working_day,
    office_hours,
    verification_times,
)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-11-23", True),  # Monday
        ("2026-11-21", False),  # Saturday
        ("2026-10-01", False),  # National Day, a Thursday
        ("2026-02-17", False),  # Spring Festival, a Tuesday
        ("2026-02-14", True),  # a Saturday that makes up for Spring Festival
    ],
)
def test_holidays_and_the_weekends_that_make_up_for_them(day, works):
    assert is_working_day(date.fromisoformat(day)) is works


def test_a_year_that_is_not_announced_goes_by_the_week_and_says_so():
    assert holidays_known(date(2026, 5, 1)) and not holidays_known(date(2030, 5, 1))
    assert is_working_day(date(2030, 5, 2)) and not is_working_day(date(2030, 5, 4))


def test_data_wins_over_the_package(monkeypatch, tmp_path):
    data = yaml.safe_load((DATA / "working_time.yml").read_text(encoding="utf-8"))
    data |= {"days_off": [date(2026, 11, 23)], "days_on": ["2026-11-22"]}
    (tmp_path / "working_time.yml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    monkeypatch.setattr(working_time, "DATA", tmp_path)
    working_time._read.cache_clear()
    try:
        assert not is_working_day(date(2026, 11, 23)) and is_working_day(date(2026, 11, 22))
    finally:
        working_time._read.cache_clear()


@pytest.mark.parametrize(
    ("opened", "immediate", "other"),
    [
        ("2026-11-23T09:00", "2026-11-23T09:30", "2026-11-24T09:00"),
        ("2026-11-23T11:45", "2026-11-23T13:45", "2026-11-24T11:45"),  # over lunch
        ("2026-11-20T16:50", "2026-11-23T08:50", "2026-11-23T16:50"),  # over a weekend
        ("2026-11-21T10:00", "2026-11-23T09:00", "2026-11-24T08:30"),  # on a Saturday
        ("2026-11-23T03:00", "2026-11-23T09:00", "2026-11-24T08:30"),  # at night
        ("2026-09-30T16:40", "2026-10-08T08:40", "2026-10-08T16:40"),  # before a week of holidays
        ("2026-11-23T17:00", "2026-11-24T09:00", "2026-11-25T08:30"),  # at closing time
    ],
)
def test_due_times(opened, immediate, other):
    assert verification_times("330106", True).due(at(opened)) == at(immediate)
    assert verification_times("331002", False).due(at(opened)) == at(other)


def test_due_times_do_not_depend_on_the_zone_of_the_clock():
    moment = at("2026-11-23T11:45")
    utc = moment.astimezone(working_time.timezone.utc)
    assert verification_times("330106", True).due(utc) == verification_times("330106", True).due(moment)


def test_every_moment_of_a_year_has_a_due_time_in_working_time():
    hours = office_hours("330100")
    times = verification_times("330100", True)
    moment = at("2026-01-01T00:00")
    for _ in range(500):
        due = times.due(moment)
        assert due > moment and hours.is_open(due - timedelta(seconds=1))
        moment += timedelta(hours=17, minutes=31)
    assert times.remind(at("2026-11-23T09:00"), at("2026-11-23T09:30")) == at("2026-11-23T09:15")


def test_a_county_takes_what_its_city_sets():
    table = {"000000": {"a": 1, "b": 1}, "330100": {"b": 2}, "330106": {"c": 3}}
    assert for_region(table, "330106") == {"a": 1, "b": 2, "c": 3}
    assert for_region(table, "330200") == {"a": 1, "b": 1}


def test_every_fact_is_dated_sourced_or_marked():
    for name in ("working_time.yml", "verification.yml", "credit.yml"):
        data = yaml.safe_load((DATA / name).read_text(encoding="utf-8"))
        assert data["source"]["title"], name
    for code, entry in yaml.safe_load((DATA / "verification.yml").read_text(encoding="utf-8"))[
        "times"
    ].items():
        assert entry["verified"] in (True, False) and (
            entry["verified"] or "待核实" in entry["unverified"]
        ), code
