"""Where the page's conversations outlive the web process: sealed, in files of this machine or in Redis, until they expire."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

from redis import RedisError
from redis.asyncio import Redis

from bot.casebook.errors import CasebookError
from bot.casebook.sealing import Sealer

log = logging.getLogger("mianzheng.sessions")

WAIT_SECONDS = 10.0  # how long a turn waits for one of the same conversation in another process
LOCK_SECONDS = 20.0  # after which a process that died no longer holds a conversation


class Place(Protocol):
    """Where sealed conversations lie, by name. Raises OSError or RedisError where it is not there."""

    shared: bool  # whether other processes write there too

    async def read(self, name: str) -> bytes | None:
        """Return what lies under `name`, or None if there is nothing or it has expired."""
        ...

    async def write(self, name: str, data: bytes) -> None:
        """Put `data` under `name`, as a whole or not at all; its time begins anew."""
        ...

    async def remove(self, name: str) -> None:
        """Erase what lies under `name`; nothing happens if there is nothing."""
        ...

    async def sweep(self) -> None:
        """Erase what has expired."""
        ...

    def alone(self, name: str) -> contextlib.AbstractAsyncContextManager[None]:
        """Hold `name` against other processes."""
        ...

    async def close(self) -> None:
        """Give up what is held open."""
        ...


class InFolder:
    """One file a conversation, readable by this user only; one web process serves the folder."""

    shared = False

    def __init__(self, folder: Path, keep: float):
        self._folder, self._keep = folder, keep

    async def read(self, name: str) -> bytes | None:
        """As Place says."""
        return await asyncio.to_thread(self._read, self._folder / name)

    def _read(self, path: Path) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime > time.time() - self._keep:
                return path.read_bytes()
        return None

    async def write(self, name: str, data: bytes) -> None:
        """As Place says."""
        await asyncio.to_thread(self._write, self._folder / name, data)

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f"{path.name}.new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(data)
        os.replace(fresh, path)

    async def remove(self, name: str) -> None:
        """As Place says."""
        await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)

    async def sweep(self) -> None:
        """As Place says."""
        await asyncio.to_thread(self._sweep)

    def _sweep(self) -> None:
        until = time.time() - self._keep
        for path in self._folder.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime <= until:
                    path.unlink()

    @contextlib.asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """As Place says: there is no other process."""
        yield

    async def close(self) -> None:
        """As Place says."""


class InRedis:
    """Conversations that several web processes take turns in; Redis lets them expire."""

    shared = True

    def __init__(self, url: str, keep: float):
        self._keep = keep
        self._redis: Redis[bytes] = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)

    @staticmethod
    def _key(name: str) -> str:
        return f"mianzheng:conversation:{name}"

    async def read(self, name: str) -> bytes | None:
        """As Place says."""
        return await self._redis.get(self._key(name))

    async def write(self, name: str, data: bytes) -> None:
        """As Place says."""
        await self._redis.set(self._key(name), data, px=int(self._keep * 1000))

    async def remove(self, name: str) -> None:
        """As Place says."""
        await self._redis.delete(self._key(name))

    async def sweep(self) -> None:
        """As Place says: Redis does it."""

    @contextlib.asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """As Place says."""
        lock = self._redis.lock(
            f"{self._key(name)}:lock", timeout=LOCK_SECONDS, sleep=0.02, blocking_timeout=WAIT_SECONDS
        )
        if not await lock.acquire():
            raise RedisError("held by another process")
        try:
            yield
        finally:
            with contextlib.suppress(RedisError):  # it ends by itself, and what was done is done
                await lock.release()

    async def close(self) -> None:
        """As Place says."""
        await self._redis.close()


class KeptSessions:
    """The conversations that are kept in a place. A place that fails costs their survival, never an answer."""

    def __init__(self, place: Place, sealer: Sealer, name_of: Callable[[str], str]):
        self._place, self._sealer, self._name_of = place, sealer, name_of

    @property
    def shared(self) -> bool:
        """Whether another process may have had the last turn."""
        return self._place.shared

    async def load(self, session_id: str) -> dict[str, Any] | None:
        """Return the state that was kept of a conversation, or None."""
        name = self._name_of(session_id)
        try:
            sealed = await self._place.read(name)
            return self._sealer.open_fields(sealed, f"conversations/{name}") if sealed else None
        except (OSError, RedisError, CasebookError) as error:
            log.error("a conversation could not be read: %s", type(error).__name__)
            return None

    async def save(self, session_id: str, state: dict[str, Any]) -> None:
        """Keep the state of a conversation."""
        name = self._name_of(session_id)
        try:
            sealed = await asyncio.to_thread(self._sealer.seal_fields, state, f"conversations/{name}")
            await self._place.write(name, sealed)
        except (OSError, RedisError) as error:
            log.error("a conversation could not be kept: %s", type(error).__name__)

    async def drop(self, session_id: str) -> None:
        """Erase a conversation. Raises OSError or RedisError if that fails: the citizen must hear of it."""
        await self._place.remove(self._name_of(session_id))

    @contextlib.asynccontextmanager
    async def alone(self, session_id: str) -> AsyncIterator[None]:
        """Hold a conversation against other processes, where that can be had."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._place.alone(self._name_of(session_id)))
            except RedisError as error:
                log.error("a conversation could not be held: %s", type(error).__name__)
            yield

    async def watch(self, every: float = 600) -> None:
        """Erase what has expired, until cancelled."""
        while True:
            try:
                await self._place.sweep()
            except OSError as error:
                log.error("old conversations could not be erased: %s", type(error).__name__)
            await asyncio.sleep(every)

    async def close(self) -> None:
        """Give up what is held open."""
        await self._place.close()
