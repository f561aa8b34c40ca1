"""Asks Rasa on loopback for the answer to one message."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import Any

import httpx

log = logging.getLogger("mianzheng.rasa")


class RasaDown(Exception):
    """Rasa did not answer in time, or not with an answer."""


class RasaClient:
    """Talks to Rasa's REST channel; `up` is what the last probe or message found."""

    def __init__(self, url: str, deadline: float):
        self._http = httpx.AsyncClient(
            base_url=url, timeout=httpx.Timeout(deadline, connect=0.5), trust_env=False
        )
        self.up = False

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def ask(
        self, sender: str, text: str, region: str | None, context: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the custom payload that our action uttered. Raises RasaDown.

        `context` travels along so that a Rasa that was restarted goes on where the conversation was.
        """
        body = {"sender": sender, "message": text, "metadata": {"region": region, "context": context}}
        try:
            response = await self._http.post("/webhooks/rest/webhook", json=body)
            response.raise_for_status()
            for message in response.json():
                if isinstance(message.get("custom"), dict) and "outcome" in message["custom"]:
                    self.up = True
                    return message["custom"]
        except (httpx.HTTPError, ValueError, TypeError, AttributeError) as error:
            self._went_down(type(error).__name__)
            raise RasaDown(type(error).__name__) from None
        self._went_down("no answer in the reply")
        raise RasaDown("no answer in the reply")

    def _went_down(self, why: str) -> None:
        if self.up:
            log.warning("Rasa does not answer (%s); the catalogue answers directly", why)
        self.up = False

    async def watch(self, every: float = 3.0) -> None:
        """Probe until cancelled; keeps `up` true to life: up only after a real question, down when Rasa no longer replies."""
        while True:
            if self.up:
                try:
                    (await self._http.get("/")).raise_for_status()
                except httpx.HTTPError as error:
                    self._went_down(type(error).__name__)
                await asyncio.sleep(every)
            else:
                # A conversation of its own each time: one that grew would be slower with every probe.
                with contextlib.suppress(RasaDown):
                    await self.ask(f"probe-{secrets.token_hex(4)}", "公司注销要清税证明吗", None)
                await asyncio.sleep(0.5)
