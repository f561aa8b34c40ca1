"""The notifier: signed, nothing personal, later when the receiver is down, silent where nothing is set."""

from __future__ import annotations

import dataclasses

import pytest

from bot.casebook.casebook import open_casebook
from bot.paths.notifier import Notifier, open_notifier
from bot.paths.service import SignedService
from bot.settings import read_settings

from ..casebook.support import ID_NUMBER, NAME, REQUIREMENT, HandClock
from .support import SECRET, Platform


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def casebook(tmp_path, clock):
    settings = dataclasses.replace(read_settings(), data=tmp_path, host="127.0.0.1", casebook_keys=())
    book = open_casebook(settings, clock)
    for number in range(3):
        book.verifications.open(
            f"o{number}",
            REQUIREMENT,
            "330106",
            immediate=True,
            person={"name": NAME, "id_number": ID_NUMBER},
        )
    yield book
    book.close()


@pytest.fixture
def telling(casebook):
    made = []

    def make(*replies):
        platform = Platform(*replies)
        made.append((platform, Notifier(casebook, SignedService(platform.url, SECRET, altogether=0.2))))
        return made[-1]

    yield make
    for platform, notifier in made:
        notifier.close()
        platform.close()


def test_each_is_delivered_once_and_holds_nothing_personal(telling, casebook):
    platform, notifier = telling({})
    assert notifier.deliver() == 3 and notifier.deliver() == 0
    assert len({r["id"] for r in platform.requests}) == 3
    first = platform.requests[0]
    assert set(first) == {"path", "id", "kind", "reference", "region", "role", "addressee", "due_at"}
    assert (first["path"], first["kind"]) == ("/api/notification", "verification_opened")
    assert (first["role"], first["due_at"]) == ("handler", "2026-11-23T01:30:00+00:00")
    assert NAME not in str(platform.requests) and ID_NUMBER not in str(platform.requests)
    assert {n.state for n in casebook.notifications.page().items} == {"delivered"}


def test_a_receiver_that_is_down_gets_all_of_it_later(telling, casebook, clock, caplog):
    _, down = telling((503, {}, 0))
    assert down.deliver() == 0
    assert "HTTP 503" in caplog.text and NAME not in caplog.text
    _, up = telling({})
    assert up.deliver() == 0  # they rest
    clock.move(minutes=3)
    assert up.deliver() == 3
    assert sorted(n.attempts for n in casebook.notifications.page().items) == [0, 0, 1]


def test_without_an_address_they_wait_for_the_desk(casebook):
    notifier = open_notifier(dataclasses.replace(read_settings(), notify_url=""), casebook)
    assert notifier.deliver() == 0
    assert {n.state for n in casebook.notifications.page().items} == {"waiting"}


def test_the_settings_choose(casebook, telling):
    platform, _ = telling({})
    there = dataclasses.replace(read_settings(), notify_url=platform.url, notify_secret=SECRET)
    notifier = open_notifier(there, casebook)
    assert notifier.deliver() == 3
    notifier.close()
