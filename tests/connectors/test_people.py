"""Hashed ids, what is remembered of people, and states that are changed one at a time."""

import asyncio
import stat

import pytest

from connectors.people import MAX_REPLIES, People, Person, local_key
from connectors.sessions import Sessions
from connectors.shared_state import InFiles, InMemory


def test_the_key_is_made_once_and_for_this_user_only(tmp_path):
    key = local_key(tmp_path)
    assert len(key) == 32 and local_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "people.key").stat().st_mode) == 0o600


def test_ids_are_hashed_by_key_and_channel():
    one, two = People(InMemory(), b"a", "wechat"), People(InMemory(), b"b", "wechat")
    assert one.hashed("o") == one.hashed("o") != two.hashed("o")
    assert one.hashed("o") != People(InMemory(), b"a", "other").hashed("o")
    assert "o-id" not in one.hashed("o-id")


def test_a_conversation_goes_on_in_another_process():
    person, here, there = Person(region="330100"), Sessions(), Sessions()
    session = person.resume(here)
    session.context, session.offered = {"topic": "question"}, {"human": "转人工"}
    person.keep(session)
    moved = person.resume(there)
    assert moved.id == session.id and moved.region == "330100"
    assert moved.context == {"topic": "question"} and "human" in moved.offered


def test_what_is_kept_of_replies_is_bounded():
    person = Person()
    for n in range(MAX_REPLIES * 3):
        person.begun[f"m{n}"] = 1.0
        person.replied(f"m{n}", "x")
    assert len(person.replies) == MAX_REPLIES and len(person.begun) == MAX_REPLIES


@pytest.fixture(params=["memory", "files"])
def shared(request, tmp_path):
    return InMemory() if request.param == "memory" else InFiles(tmp_path)


def test_changes_of_one_name_wait_for_each_other(shared):
    async def add():
        async with shared.changing("n", 60) as held:
            before = held.get("n", 0)
            await asyncio.sleep(0.001)
            held["n"] = before + 1

    async def go():
        await asyncio.gather(*(add() for _ in range(20)))
        async with shared.changing("n", 60) as held:
            return held["n"]

    assert asyncio.run(go()) == 20


def test_nothing_is_kept_of_a_change_that_fails(shared):
    async def go():
        with pytest.raises(KeyError):
            async with shared.changing("n", 60) as held:
                held["n"] = 1
                raise KeyError
        async with shared.changing("n", 60) as held:
            return dict(held)

    assert asyncio.run(go()) == {}


def test_memory_forgets():
    async def go():
        shared = InMemory(most=2)
        for name in "abc":
            async with shared.changing(name, 60) as held:
                held["x"] = 1
        async with shared.changing("d", 0.01) as held:
            held["x"] = 1
        await asyncio.sleep(0.02)
        seen = []
        for name in "ad":
            async with shared.changing(name, 60) as held:
                seen.append(dict(held))
        return seen

    assert asyncio.run(go()) == [{}, {}]
