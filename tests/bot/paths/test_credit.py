"""Credit standing: the local list, the casebook, and a real platform that answers well, badly, late or not at all."""

from __future__ import annotations

import dataclasses
import time
from datetime import datetime

import pytest
import yaml

from bot.casebook.casebook import open_casebook
from bot.casebook.pledges import HANDLINGS
from bot.paths import credit
from bot.paths.credit import (
    HttpCreditRecords,
    LocalCreditRecords,
    handling_words,
    kept_until,
    open_credit_records,
)
from bot.paths.service import FAILURES_TO_OPEN, ServiceDown, SignedService
from bot.paths.working_time import CHINA
from bot.settings import SettingsError, read_settings

from ...support import free_ports
from ..casebook.support import valid_id
from .support import SECRET, Platform

HEAD = "id_number,handling,reason,source,until\n"
WHO, NAME = valid_id(5), "王小燕"
GOOD = {"handling": "faster", "reason": "", "source": "省信用平台"}


@pytest.fixture
def settings(tmp_path):
    return dataclasses.replace(read_settings(), data=tmp_path, host="127.0.0.1", casebook_keys=())


@pytest.fixture
def book(settings):
    opened = open_casebook(settings)
    yield opened
    opened.close()


@pytest.fixture
def local(settings, book):
    return LocalCreditRecords(settings.data / "credit_list.csv", book.credit)


@pytest.fixture
def asking(local):
    """Make records that ask a platform which gives these replies."""
    made = []

    def make(*replies, secret=SECRET, **service):
        platform = Platform(*replies)
        made.append(platform)
        return platform, HttpCreditRecords(SignedService(platform.url, secret, **service), local)

    yield make
    for platform in made:
        platform.close()


def record(book, who=WHO, **more):
    given = {"region": "330106", "source": "某局认定", "staff": "chen", "found_at": datetime.now(CHINA)}
    return book.credit.record_false_pledge(who, NAME, **{**given, **more})


# --- on this machine


def test_whom_nobody_knows_is_handled_normally(local):
    assert local.standing(WHO, NAME) == credit.Standing("normal", "", "")


def test_the_list_is_read_and_read_anew_when_it_changes(local, settings):
    file = settings.data / "credit_list.csv"
    file.write_text(
        f"{HEAD}{WHO.lower()},strict,多次逾期,某局,\n{valid_id(6)},refused,,某局,2020-01-01\n",
        encoding="utf-8",
    )
    assert local.standing(WHO, NAME) == credit.Standing("strict", "多次逾期", "某局")
    assert local.standing(valid_id(6), NAME).handling == "normal"  # its day is over
    file.write_text(f"{HEAD}{WHO},faster,守信,某局,2999-01-01\n", encoding="utf-8-sig")
    assert local.standing(WHO, NAME).handling == "faster"
    file.unlink()
    assert local.standing(WHO, NAME).handling == "normal"


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("a,b\n", "first line"),
        (HEAD + f"{WHO},gently,,,\n", "line 2"),
        (HEAD + f"{WHO},strict,,,soon\n", "line 2: until"),
        (HEAD + ",strict,,,\n", "line 2"),
    ],
)
def test_a_faulty_list_is_said_without_the_number(local, settings, lines, where):
    (settings.data / "credit_list.csv").write_text(lines, encoding="utf-8")
    with pytest.raises(SettingsError, match=where) as error:
        local.standing(WHO, NAME)
    assert WHO not in str(error.value)


def test_a_recorded_false_pledge_bars_until_it_is_repaired(local, book):
    made = record(book)
    found = local.standing(WHO, NAME)
    assert (found.handling, found.source) == ("refused", "某局认定") and "虚假承诺" in found.reason
    book.credit.repair(made.reference, "已改正", "chen")
    assert local.standing(WHO, NAME).handling == "normal"


def test_the_graver_of_list_and_casebook_counts(local, book, settings):
    (settings.data / "credit_list.csv").write_text(f"{HEAD}{WHO},faster,守信,某局,\n", encoding="utf-8")
    record(book, handling="strict")
    assert local.standing(WHO, NAME).handling == "strict"


def test_the_five_handlings_have_words():
    names = [handling_words(h)["name"] for h in HANDLINGS]
    assert names == ["加快办理", "正常办理", "核后办理", "从严办理", "不予办理"]
    assert all(
        handling_words(h)["effect"] and handling_words(h)["verified"] in (True, False) for h in HANDLINGS
    )
    data = yaml.safe_load(
        (credit.Path(credit.__file__).parent / "data" / "credit.yml").read_text(encoding="utf-8")
    )
    assert data["record"]["source"]["date"] and data["degraded"]["handling"] == "verify_first"


def test_a_record_of_29_february_is_kept_five_whole_years():
    assert kept_until(datetime(2028, 2, 29, 10, tzinfo=CHINA)) == datetime(2033, 3, 1, 10, tzinfo=CHINA)
    assert kept_until(datetime(2026, 11, 23, tzinfo=CHINA)) == datetime(2031, 11, 23, tzinfo=CHINA)


# --- the platform


def test_the_platform_is_asked_signed_and_its_word_counts(asking):
    platform, records = asking(GOOD)
    assert records.standing(WHO, NAME) == credit.Standing("faster", "", "省信用平台")
    assert platform.requests == [{"path": "/api/standing", "id_number": WHO, "name": NAME}]


def test_what_is_recorded_here_bars_whatever_the_platform_says(asking, book):
    _, records = asking(GOOD)
    record(book)
    assert records.standing(WHO, NAME).handling == "refused"


@pytest.mark.parametrize("first", [(503, {}, 0), (500, b"oops", 0), (429, {}, 0)])
def test_a_passing_fault_is_tried_again_with_a_new_nonce(asking, first):
    platform, records = asking(first, first, GOOD)
    assert records.standing(WHO, NAME).handling == "faster"
    assert len(platform.requests) == 3 and len(platform.nonces) == 3


@pytest.mark.parametrize(
    "reply",
    [
        (503, {}, 0),
        (404, {}, 0),
        (302, {}, 0),
        b"<html>",
        b"[]",
        {"handling": "gently"},
        {},
        b"x" * 70_000,
        b"\xff\xfe",
    ],
)
def test_a_platform_without_a_usable_answer_means_verify_first_and_says_so(asking, reply, caplog):
    _, records = asking(reply)
    found = records.standing(WHO, NAME)
    assert (found.handling, found.degraded) == ("verify_first", True) and "核后办理" in found.reason
    assert "not reached" in caplog.text and WHO not in caplog.text and NAME not in caplog.text


def test_a_recorded_false_pledge_bars_also_while_the_platform_is_down(asking, book):
    _, records = asking((503, {}, 0))
    record(book)
    assert (records.standing(WHO, NAME).handling, records.standing(WHO, NAME).degraded) == ("refused", False)


def test_a_late_platform_does_not_keep_the_citizen_waiting(asking):
    _, records = asking((200, GOOD, 5.0))
    start = time.monotonic()
    assert records.standing(WHO, NAME).degraded
    assert time.monotonic() - start < 4


def test_nobody_listening_is_degraded(local):
    records = HttpCreditRecords(SignedService(f"http://127.0.0.1:{free_ports(1)[0]}", SECRET), local)
    assert records.standing(WHO, NAME).degraded


def test_the_wrong_secret_is_refused_by_the_platform(asking):
    platform, records = asking(GOOD, secret="another secret, also long")
    assert records.standing(WHO, NAME).degraded and platform.requests == []


def test_after_many_failures_the_platform_is_left_alone_then_asked_again(asking):
    platform, records = asking(*[(503, {}, 0)] * (FAILURES_TO_OPEN + 1), GOOD, rest_seconds=3)
    while len(platform.requests) < FAILURES_TO_OPEN:
        assert records.standing(WHO, NAME).degraded
    seen = len(platform.requests)
    assert records.standing(WHO, NAME).degraded and len(platform.requests) == seen
    platform.replies[:] = [GOOD]
    time.sleep(3.1)
    assert records.standing(WHO, NAME).handling == "faster"


def test_the_settings_choose(settings, book):
    assert isinstance(open_credit_records(settings, book.credit), LocalCreditRecords)
    there = dataclasses.replace(settings, credit_url="https://credit.example", credit_secret=SECRET)
    assert isinstance(open_credit_records(there, book.credit), HttpCreditRecords)
    assert SECRET not in repr(there)


def test_a_service_is_asked_altogether_no_longer_than_said(asking):
    platform = Platform((503, {}, 0.3))
    try:
        service = SignedService(platform.url, SECRET, altogether=0.2)
        with pytest.raises(ServiceDown, match="HTTP 503"):
            service.ask("/standing", {})
        assert len(platform.requests) == 1
    finally:
        platform.close()
