"""The people of a channel that has no cookies: hashed ids, and what is remembered of each between messages."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from .sessions import IDLE_SECONDS, Session, Sessions
from .shared_state import Shared

MAX_REPLIES = 6  # replies kept for messages that come again; the platform stops after 15 seconds


@dataclass
class Person:
    """What is remembered of one person until two hours after their last message."""

    session: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    region: str | None = None
    menu: list[list[str]] = field(default_factory=list)  # title and payload, by number
    # The conversation, for the web process that gets the next message.
    context: dict[str, Any] | None = None
    offered: dict[str, str] = field(default_factory=dict)
    # The answers, by message key. Each is handed out once, by whoever takes it out of `answers`.
    begun: dict[str, float] = field(default_factory=dict)  # time at which somebody set about it
    answers: dict[str, list[str]] = field(default_factory=dict)  # made, in pieces, not handed out
    late: list[str] = field(default_factory=list)  # the person was told to wait for these
    rest: list[str] = field(default_factory=list)  # pieces that did not fit into one reply
    replies: dict[str, str] = field(default_factory=dict)  # what each message was replied to with
    heard: float = 0.0  # time of their last message
    pushed: int = 0  # customer-service messages sent since

    def replied(self, key: str, text: str) -> None:
        """Remember that the message `key` has been replied to with `text`."""
        self.replies[key] = text
        for old in list(self.replies)[:-MAX_REPLIES]:
            del self.replies[old]
        for old in [
            k for k in list(self.begun)[:-MAX_REPLIES] if k not in self.late and k not in self.answers
        ]:
            del self.begun[old]

    def resume(self, sessions: Sessions) -> Session:
        """Return this person's conversation, as it was left in whichever web process had the last message."""
        session = sessions.get(self.session)
        if session is None:
            session = sessions.open(self.session)
            session.region = self.region
        if self.context:
            session.context = self.context
        session.offered = {**session.offered, **self.offered}
        return session

    def keep(self, session: Session) -> None:
        """Remember where the conversation stands."""
        self.context = session.context
        self.offered = dict(list(session.offered.items())[-40:])


class People:
    """Everybody that one channel knows, by hashed id."""

    def __init__(self, shared: Shared, key: bytes, channel: str):
        self._shared, self._key, self._channel = shared, key, channel

    def hashed(self, id_: str) -> str:
        """Return what stands for the platform's `id_` everywhere with us: an HMAC under a key of this installation."""
        return hmac.new(self._key, f"{self._channel}\n{id_}".encode(), hashlib.sha256).hexdigest()[:40]

    @contextlib.asynccontextmanager
    async def changing(self, who: str) -> AsyncIterator[Person]:
        """Give the person with the hashed id `who` to be changed; one change at a time."""
        async with self._shared.changing(f"{self._channel}:{who}", IDLE_SECONDS) as held:
            person = Person(**held)
            yield person
            held.update(asdict(person))

    async def forget(self, who: str) -> str:
        """Drop all that is remembered of `who`; returns the id of the conversation that was theirs, if any."""
        async with self._shared.changing(f"{self._channel}:{who}", IDLE_SECONDS) as held:
            session = str(held.get("session") or "")
            held.clear()
            return session


def local_key(folder: Path) -> bytes:
    """Return the secret under which ids are hashed; made at the first call, readable by this user only."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "people.key"
    with FileLock(path.with_suffix(".lock"), timeout=10):
        if not path.exists():
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(secrets.token_bytes(32))
        return path.read_bytes()
