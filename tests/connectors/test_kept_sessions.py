"""Conversations outlive the process: sealed, expiring, one turn at a time, and never in the way of an answer."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from bot.casebook.sealing import Key, Sealer
from connectors.kept_sessions import InFolder, InRedis, KeptSessions
from connectors.sessions import Sessions

from .wechat.standin import redis_server

SECRET = "娃上小学要计划生育证明吗"


def sealer(byte: bytes = b"k") -> Sealer:
    return Sealer([Key(byte * 32)])


def reply(number: int) -> dict:
    return {"message_id": f"m{number}", "replies": [{"text": "不用交", "buttons": []}]}


async def turn(sessions: Sessions, id_: str, number: int, pause: float = 0.0) -> None:
    session = await sessions.find(id_) or sessions.open(id_)
    async with sessions.turning(session, keep=True):
        await asyncio.sleep(pause)
        session.keep(f"{SECRET}{number}", reply(number))


def made(place, key: bytes = b"k") -> Sessions:
    sessions = Sessions()
    sessions.kept = KeptSessions(place, sealer(key), lambda id_: f"name-of-{len(id_)}-{id_[-1]}")
    return sessions


def test_another_process_goes_on_where_the_first_was_killed(tmp_path):
    folder = tmp_path / "conversations"
    asyncio.run(turn(made(InFolder(folder, 60)), "a-visitor", 1))
    (file,) = folder.iterdir()
    assert SECRET.encode() not in file.read_bytes() and b"a-visitor" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0 and folder.stat().st_mode & 0o077 == 0
    after = made(InFolder(folder, 60))
    asyncio.run(turn(after, "a-visitor", 2))
    assert [t["message"][-1] for t in after.get("a-visitor").turns] == ["1", "2"]
    assert asyncio.run(made(InFolder(folder, 60)).find("somebody-else")) is None


def test_another_key_or_another_name_opens_nothing(tmp_path):
    asyncio.run(turn(made(InFolder(tmp_path, 60)), "a-visitor", 1))
    assert asyncio.run(made(InFolder(tmp_path, 60), b"x").find("a-visitor")) is None
    (file,) = tmp_path.iterdir()
    file.rename(tmp_path / "name-of-9-x")
    assert asyncio.run(made(InFolder(tmp_path, 60)).find("b-visitox")) is None


def test_what_has_expired_is_neither_read_nor_left(tmp_path):
    place = InFolder(tmp_path, 60)
    asyncio.run(turn(made(place), "a-visitor", 1))
    (file,) = tmp_path.iterdir()
    asyncio.run(place.sweep())
    assert file.exists()
    os.utime(file, (time.time() - 61,) * 2)
    assert asyncio.run(made(place).find("a-visitor")) is None
    asyncio.run(place.sweep())
    assert not file.exists()


def test_erased_is_erased_even_for_a_turn_that_waits(tmp_path):
    sessions = made(InFolder(tmp_path, 60))

    async def run() -> None:
        await turn(sessions, "a-visitor", 1)
        session = sessions.get("a-visitor")
        slow = asyncio.create_task(turn(sessions, "a-visitor", 2, 0.1))
        await asyncio.sleep(0.02)
        erasing = asyncio.create_task(sessions.erase(session))
        await asyncio.sleep(0.02)
        late = asyncio.create_task(turn(sessions, "a-visitor", 3))
        await asyncio.gather(slow, erasing, late)
        assert [t["message"][-1] for t in session.turns] == ["3"]

    asyncio.run(run())


def test_two_processes_take_turns_in_redis():
    async def run(redis: str) -> None:
        one, other = made(InRedis(redis, 60)), made(InRedis(redis, 60))
        await turn(one, "a-visitor", 1)
        await asyncio.gather(*(turn(s, "a-visitor", n, 0.02) for n, s in enumerate([one, other] * 3, 2)))
        seen = [await s.find("a-visitor") for s in (one, other, made(InRedis(redis, 60)))]
        assert all(len(s.turns) == 7 for s in seen), [len(s.turns) for s in seen]
        await one.erase(seen[0])
        assert await made(InRedis(redis, 60)).find("a-visitor") is None
        for sessions in (one, other):
            await sessions.kept.close()

    with redis_server() as url:
        asyncio.run(run(url))


def test_without_its_place_a_conversation_goes_on_and_only_erasing_fails(tmp_path, caplog):
    nowhere = tmp_path / "file"
    nowhere.write_text("in the way")
    for place, error in ((InRedis("redis://127.0.0.1:1", 60), Exception), (InFolder(nowhere, 60), OSError)):
        sessions = made(place)
        asyncio.run(turn(sessions, "a-visitor", 1))
        assert len(sessions.get("a-visitor").turns) == 1
        with pytest.raises(error):
            asyncio.run(sessions.erase(sessions.get("a-visitor")))
    assert SECRET not in caplog.text and "could not be kept" in caplog.text
