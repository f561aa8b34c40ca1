"""The conversations that the web process holds: what was said (masked), which buttons were offered; bounded and expiring."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from cachetools import TTLCache

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
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def keep(self, said: str, reply: dict[str, Any]) -> None:
        """Remember a turn, and the buttons that it offered."""
        self.turns.append({"message": said, "reply": reply})
        del self.turns[:-MAX_TURNS]
        fresh = {b["payload"]: b["title"] for r in reply["replies"] for b in r.get("buttons") or []}
        # Buttons of earlier turns stay pressable, the oldest fall out.
        self.offered = dict([*self.offered.items(), *fresh.items()][-200:])


class Sessions:
    """All conversations, the longest idle dropped first."""

    def __init__(self) -> None:
        self._held: TTLCache[str, Session] = TTLCache(MAX_SESSIONS, IDLE_SECONDS)

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

    def forget(self, session_id: str) -> None:
        """Drop a conversation; nothing happens if there is none."""
        self._held.pop(session_id, None)

    def __len__(self) -> int:
        return len(self._held)
