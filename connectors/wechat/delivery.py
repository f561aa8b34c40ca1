"""Hands every answer out once, in time: a message that comes again joins, a late answer waits or is sent after.

The platform drops a request after five seconds and sends the message again, twice. A reply that it got is not asked for
again, so the same message is always replied to with the same text. What is late is fetched with the next message, or sent
as a customer-service message where the account may.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from ..people import People, Person
from ..plain_text import split
from ..words import word
from .platform import Platform, PlatformError

log = logging.getLogger("mianzheng.wechat")

MOST_BYTES = 2048  # of a text reply in UTF-8
_TAIL_BYTES = 200  # of that for what is said about the rest or about waiting
SEND_MOST, SEND_WITHIN = 5, 48 * 3600  # customer-service messages after a person's last message, and seconds
_GIVEN_UP = 60.0  # seconds after which an answer that nobody finished is begun anew
_YIELD_FIRST = 1.0  # seconds in which a reply that is on its way goes first

Make = Callable[[], Awaitable[str]]


class Delivery:
    """The answers of one web process; what other processes must know stands in `people`."""

    def __init__(self, people: People, platform: Platform):
        self._people, self._platform = people, platform
        self._making: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End what is under way."""
        tasks = [*self._making.values(), *self._sending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reply(
        self, who: str, openid: str, key: str, make: Make, until: float, *, fetches: bool = False
    ) -> str:
        """Return what to reply to the message `key` of the person `who`, at most 2,048 bytes; empty for nothing.

        `make` makes the answer's text; it is called once, however often the message comes. `until` is the time
        (`time.monotonic`) at which an answer that is not there yet counts as late. A message that `fetches` is no
        question of its own while something waits to be handed out.
        """
        async with self._people.changing(who) as person:
            if key in person.replies:
                return person.replies[key]
            if key not in person.begun:
                person.heard, person.pushed = time.time(), 0
            # What a process that died was at is not waited for.
            person.late = [k for k in person.late if k in person.answers or not _unattended(person, k)]
            asks = key in person.begun or not (fetches and (person.late or person.rest))
            wanted = [key] if asks else list(person.late)
            starts = asks and key not in person.answers and _unattended(person, key)
            if starts:
                person.begun[key] = time.time()
        if starts:
            self._start(who, openid, key, make)
        if wanted and not (not asks and person.rest):
            await self._wait(who, key, wanted, until)
        async with self._people.changing(who) as person:
            if key in person.replies:
                return person.replies[key]
            if asks and key not in person.begun:
                return ""  # they left meanwhile, and all of theirs is deleted
            before = bool(person.rest)
            if asks and key not in person.answers and key not in person.late:
                person.late.append(key)
            text = _pack(person, _take(person, key))
            waits = bool(person.late)
            if not text:
                return word("wechat.late_sent" if self._platform.may_send else "wechat.late") if waits else ""
            if before:
                text = word("wechat.continued") + "\n" + text
            if waits:
                text += "\n\n" + word("wechat.also_late")
            elif person.rest:
                text += "\n\n" + word("wechat.more")
            person.replied(key, text)
            return text

    def _start(self, who: str, openid: str, key: str, make: Make) -> None:
        task = asyncio.create_task(self._make(who, openid, key, make))
        self._making[who, key] = task
        task.add_done_callback(lambda _: self._making.pop((who, key), None))

    async def _make(self, who: str, openid: str, key: str, make: Make) -> None:
        try:
            text = await make()
        except Exception as error:
            # Its message may hold what the citizen wrote.
            log.error("a message could not be answered: %s", type(error).__name__)
            text = word("wechat.error")
        pieces = split(text, MOST_BYTES - _TAIL_BYTES)
        async with self._people.changing(who) as person:
            if key not in person.begun:
                return  # they left meanwhile, and all of theirs is deleted
            person.answers[key] = pieces
            late = key in person.late
        if late:
            task = asyncio.create_task(self._send(who, openid))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _wait(self, who: str, key: str, wanted: list[str], until: float) -> None:
        """Wait until one of the answers `wanted` is there or has been handed out, at most until `until`."""
        while (left := until - time.monotonic()) > 0:
            here = [task for k in wanted if (task := self._making.get((who, k)))]
            if here:
                await asyncio.wait(here, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            async with self._people.changing(who) as person:
                if any(k in person.answers or k in person.replies for k in (*wanted, key)):
                    return
            if not here:
                await asyncio.sleep(min(0.1, left))  # another process is at it

    async def _send(self, who: str, openid: str) -> None:
        """Send what is late as customer-service messages, as far as the account may; the rest waits to be fetched."""
        await asyncio.sleep(_YIELD_FIRST)
        if not self._platform.may_send:
            return
        async with self._people.changing(who) as person:
            if time.time() - person.heard > SEND_WITHIN:
                return
            room = SEND_MOST - person.pushed
            ready = [k for k in person.late if k in person.answers]
            taken: list[tuple[str, list[str]]] = []
            for key in ready:
                if len(person.answers[key]) > room:
                    break
                room -= len(person.answers[key])
                taken.append((key, person.answers.pop(key)))
                person.late.remove(key)
                person.replied(key, "")
            person.pushed = SEND_MOST - room
        unsent: list[str] = []
        for _, pieces in taken:
            for piece in pieces:
                if not unsent:
                    with contextlib.suppress(PlatformError):
                        await self._platform.send_text(openid, piece)
                        continue
                unsent.append(piece)
        if unsent:
            async with self._people.changing(who) as person:
                person.rest = [*unsent, *person.rest]


def _unattended(person: Person, key: str) -> bool:
    return time.time() - person.begun.get(key, 0.0) > _GIVEN_UP


def _take(person: Person, key: str) -> list[str]:
    """Take out what may be handed out with the reply to `key`: what was left over, what is late and ready, its own."""
    pieces, person.rest = person.rest, []
    for ready in [k for k in dict.fromkeys((*person.late, key)) if k in person.answers]:
        pieces += person.answers.pop(ready)
        person.late = [k for k in person.late if k != ready]
        if ready != key:
            person.replied(ready, "")  # should it come again, it has been answered
    return pieces


def _pack(person: Person, pieces: list[str]) -> str:
    """Return as many of `pieces` as fit into one reply, and keep the others for the next."""
    text = ""
    while pieces:
        longer = text + "\n\n" + pieces[0] if text else pieces[0]
        if len(longer.encode()) > MOST_BYTES - _TAIL_BYTES:
            break
        text = longer
        pieces = pieces[1:]
    person.rest = pieces
    return text
