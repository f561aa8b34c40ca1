"""The conversations that the web process holds: what was said (masked), which buttons were offered; bounded and expiring.

Those of the page are also kept outside the process (kept_sessions.py), so that they survive its restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from cachetools import TTLCache

from .kept_sessions import KeptSessions

MAX_SESSIONS = 20_000
IDLE_SECONDS = 2 * 60 * 60
MAX_TURNS = 60
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass
class Session:
    """One conversation. `context` mirrors what Rasa holds, for when the catalogue has to answer without it."""

    id: str
    region: str | None = None
    turns: list[dict[str, Any]] = field(default_factory=list)
    offered: dict[str, str] = field(default_factory=dict)  # payload → button title
    context: dict[str, Any] | None = None
    form: dict[str, Any] | None = None  # the form that is open or set aside; bot/paths/form.py
    woken: bool = False  # whether the casebook was asked for a form that an earlier process left open
    version: int = 0  # how often it was kept
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def keep(self, said: str, reply: dict[str, Any], once: str = "") -> None:
        """Remember a turn, the buttons that it offered, and the mark that its form carried."""
        self.turns.append({"message": said, "reply": reply, "at": int(time.time()), "once": once})
        del self.turns[:-MAX_TURNS]
        fresh = {b["payload"]: b["title"] for r in reply["replies"] for b in r.get("buttons") or []}
        # Buttons of earlier turns stay pressable, the oldest fall out.
        self.offered = dict([*self.offered.items(), *fresh.items()][-200:])

    def reply_to(self, once: str, said: str) -> dict[str, Any] | None:
        """Return the reply to a form that came before with the same mark and words, or None: sent again, not asked again."""
        for turn in self.turns:
            if once and turn["once"] == once and turn["message"] == said:
                return turn["reply"]
        return None

    def turn(self, message_id: str) -> dict[str, Any] | None:
        """Return the turn whose reply has this id, or None."""
        return next((t for t in self.turns if message_id and t["reply"]["message_id"] == message_id), None)

    def state(self) -> dict[str, Any]:
        """Return what is kept of it. An open form is not: the casebook has it."""
        return {
            "version": self.version,
            "region": self.region,
            "turns": self.turns,
            "offered": self.offered,
            "context": self.context,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what was kept, if that is newer."""
        if state["version"] > self.version:
            self.version, self.region, self.context = state["version"], state["region"], state["context"]
            self.turns, self.offered = state["turns"], state["offered"]
            self.woken = False  # a form may have been opened or closed where the last turn was


class Sessions:
    """All conversations, the longest idle dropped first."""

    def __init__(self) -> None:
        self._held: TTLCache[str, Session] = TTLCache(MAX_SESSIONS, IDLE_SECONDS)
        self.kept: KeptSessions | None = None  # the application sets it once the casebook is open

    def get(self, session_id: str | None) -> Session | None:
        """Return the conversation of `session_id` and keep it from expiring, or None."""
        session = self._held.get(session_id) if session_id else None
        if session:
            self._held[session.id] = session
        return session

    def open(self, session_id: str | None) -> Session:
        """Return the conversation of `session_id`, or a new one; ids are ours, or well-formed ones that a program chose."""
        session = self.get(session_id)
        if session is None:
            known = session_id if session_id and _ID.fullmatch(session_id) else secrets.token_urlsafe(18)
            session = self._held[known] = Session(known)
        return session

    async def find(self, session_id: str | None) -> Session | None:
        """Return a conversation of the page, from memory or from where it is kept, or None."""
        session = self.get(session_id)
        if not session_id or self.kept is None or (session and not self.kept.shared):
            return session
        state = await self.kept.load(session_id)
        if state is not None:
            session = self.get(session_id) or self.open(session_id)
            if not session.lock.locked():
                session.restore(state)
        return session

    @contextlib.asynccontextmanager
    async def turning(self, session: Session, keep: bool) -> AsyncIterator[None]:
        """Hold a conversation for one change, and `keep` it outside the process afterwards, unless the block raises."""
        async with session.lock:
            if not keep or self.kept is None:
                yield
                return
            async with self.kept.alone(session.id):
                if self.kept.shared:
                    session.restore(await self.kept.load(session.id) or {"version": -1})
                yield
                session.version += 1
                await self.kept.save(session.id, session.state())

    def forget(self, session_id: str) -> None:
        """Drop a conversation; nothing happens if there is none."""
        self._held.pop(session_id, None)

    async def erase(self, session: Session) -> None:
        """Drop a conversation here and where it is kept. Raises OSError or RedisError if it is kept and stays there."""
        async with session.lock:
            if self.kept is not None:
                await self.kept.drop(session.id)
            self.forget(session.id)
            # A turn that waits for the lock must not bring back what was erased.
            session.turns, session.offered, session.context, session.form = [], {}, None, None

    def __len__(self) -> int:
        return len(self._held)
