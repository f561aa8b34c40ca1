"""Small states that requests change one at a time: in this process's memory, in Redis for several processes, or in files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

from cachetools import TLRUCache
from filelock import FileLock
from redis.asyncio import Redis

LOCK_SECONDS = 20.0  # after which a lock of a process that died counts for nothing
WAIT_SECONDS = 1.0  # how long a change waits for another of the same name


class Shared(Protocol):
    """States by name, each a JSON object; one change of a name at a time."""

    def changing(self, name: str, keep: float) -> contextlib.AbstractAsyncContextManager[dict[str, Any]]:
        """Give the state called `name` to be changed in place; it is kept for `keep` seconds after.

        An empty state is dropped. Nothing is kept if the block raises.
        """
        ...

    async def close(self) -> None:
        """Give up whatever is held open."""
        ...


class InMemory:
    """States of this process alone, at most `most`; the longest untouched is dropped first."""

    def __init__(self, most: int = 20_000):
        self._held: TLRUCache[str, tuple[str, float]] = TLRUCache(most, lambda _, held, now: now + held[1])
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def changing(self, name: str, keep: float) -> AsyncIterator[dict[str, Any]]:
        """As Shared says."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            held = self._held.get(name)
            value = json.loads(held[0]) if held else {}
            yield value
            if value:
                self._held[name] = (json.dumps(value, ensure_ascii=False), keep)
            else:
                self._held.pop(name, None)

    async def close(self) -> None:
        """As Shared says."""
        self._held.clear()


class InRedis:
    """States that all web processes see. Raises redis.RedisError where Redis is not there."""

    def __init__(self, url: str):
        self._redis: Redis[str] = Redis.from_url(
            url, decode_responses=True, socket_timeout=1, socket_connect_timeout=1
        )

    @contextlib.asynccontextmanager
    async def changing(self, name: str, keep: float) -> AsyncIterator[dict[str, Any]]:
        """As Shared says."""
        key = f"mianzheng:{name}"
        async with self._redis.lock(
            f"{key}:lock", timeout=LOCK_SECONDS, sleep=0.01, blocking_timeout=WAIT_SECONDS
        ):
            held = await self._redis.get(key)
            value = json.loads(held) if held else {}
            yield value
            if value:
                await self._redis.set(key, json.dumps(value, ensure_ascii=False), px=int(keep * 1000))
            elif held:
                await self._redis.delete(key)

    async def close(self) -> None:
        """As Shared says."""
        await self._redis.close()


class InFiles:
    """States that all processes of this machine see, one file each, readable by this user only; never dropped by age."""

    def __init__(self, folder: Path):
        self._folder = folder

    @contextlib.asynccontextmanager
    async def changing(self, name: str, keep: float) -> AsyncIterator[dict[str, Any]]:
        """As Shared says, but for `keep`. Raises OSError where the folder cannot be written."""
        path = self._folder / f"{name}.json"
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock"), timeout=LOCK_SECONDS, thread_local=False)
        await asyncio.to_thread(lock.acquire)
        try:
            value = read_object(path)
            yield value
            write_object(path, value)
        finally:
            lock.release()

    async def close(self) -> None:
        """As Shared says."""


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file at `path`, empty if there is none or it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_object(path: Path, value: dict[str, Any]) -> None:
    """Put `value` into the file at `path` as a whole, readable by this user only."""
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(value, out, ensure_ascii=False)
    os.replace(fresh, path)
