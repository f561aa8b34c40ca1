"""The console channel, `mianzheng chat`: the guards, limits and answers of every channel, without a web process."""

from __future__ import annotations

import asyncio
from typing import Any

import click
from fastapi import FastAPI

from proof_catalogue.text import clean

from .channel import Channel, Incoming
from .plain_text import Menu, chosen, menu, reply_text
from .problems import Problem
from .words import word

RASA_WAIT = 3.0  # seconds in which a running Rasa is found


class Local(Channel[str, str]):
    """One person at this machine's console."""

    name = "local"

    def __init__(self, region: str | None = None):
        self._region, self._session, self._menu = region, "", Menu()

    def verify(self, came: str) -> None:
        """Nothing is to be verified: whoever sits here may ask."""

    async def parse(self, came: str) -> Incoming:
        """Return the line as a question, or as the choice that its number stands for."""
        payload = chosen(clean(came), self._menu)
        return Incoming(
            message=None if payload else came,
            payload=payload,
            session_id=self._session or None,
            region=self._region,
            client="local",
        )

    def render(self, came: str, reply: dict[str, Any]) -> str:
        """Return the reply as text, and remember its choices."""
        self._session, self._menu = reply["session_id"], menu(reply) or self._menu
        self._region = None  # what is said later outweighs what was given at the start
        return reply_text(reply)

    async def turn(self, app: FastAPI, line: str) -> str:
        """Return what to show for one line."""
        try:
            self.verify(line)
            return self.render(line, await self.answer(app, await self.parse(line)))
        except Problem as problem:
            return problem.detail


async def talk(app: FastAPI, region: str | None) -> None:
    """Ask and answer on the console until an empty line or the end of input."""
    channel = Local(region)
    async with app.router.lifespan_context(app):
        until = asyncio.get_running_loop().time() + RASA_WAIT
        while not app.state.rasa.up and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.2)
        click.echo(word("local.welcome") + ("" if app.state.rasa.up else word("local.degraded")))
        while True:
            try:
                line = await asyncio.to_thread(input, word("local.prompt"))
            except EOFError:
                return
            if not line.strip():
                return
            click.echo(await channel.turn(app, line) + "\n")
