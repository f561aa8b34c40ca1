"""The contract of a channel: verify what came, read it, have it answered, show the answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import FastAPI

from .conversation import converse

Came = TypeVar("Came")
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Incoming:
    """What one person sent: a message or a pressed button, the region they chose, and the address or key they came from.

    Where nothing was asked, `notice` is what they are told, and nothing else is set.
    """

    message: str | None = None
    payload: str | None = None
    session_id: str | None = None
    region: str | None = None
    client: str = ""
    notice: str = ""
    once: str = ""  # a mark of the one sending; the same mark and words again get the same reply


class Channel(ABC, Generic[Came, Shown]):
    """A way in. Every channel reads what came, and shows the reply of the wire contract, in its own form.

    Guards, limits, the off switch and the answer itself are the same for all: `answer` is not to be overridden.
    """

    name: str

    @abstractmethod
    def verify(self, came: Came) -> None:
        """Raise Problem if `came` is not from where it says it is."""

    @abstractmethod
    async def parse(self, came: Came) -> Incoming:
        """Return what was sent. Raises Problem if it cannot be read."""

    async def answer(self, app: FastAPI, incoming: Incoming) -> dict[str, Any]:
        """Return the reply of the wire contract. Raises Problem as `converse` does."""
        return await converse(
            app,
            session_id=incoming.session_id,
            message=incoming.message,
            payload=incoming.payload,
            region=incoming.region,
            channel=self.name,
            client=incoming.client,
            once=incoming.once,
        )

    @abstractmethod
    def render(self, came: Came, reply: dict[str, Any]) -> Shown:
        """Return the reply as this channel shows it."""
