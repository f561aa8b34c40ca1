"""Many people at once on the chat page of the real system, each in a conversation of their own, every reply checked.

usage: python -m benchmarks.web_load [--people N] [--seconds N] [--think LEAST MOST] [--base URL] [--seed N]

Each opens the page, asks, reads (think time, drawn evenly between LEAST and MOST seconds), asks again, until the time is over.
One message in five goes the way without JavaScript (post, redirect, page); one in ten is sent a second time with the same
mark, as after a lost reply. A reply must hold the words that were asked and lead to the row that they are about; at the end
each person's page must show what they asked, once each and in order. Exit status 1 on any error, loss, doubling or mix-up.

Without --base it starts a system of its own. All come from one address: MIANZHENG_RATE must allow more than the default there,
its own system has 100000/minute; the limit per conversation is not reached.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import json
import random
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from proof_catalogue.store import open_default
from proof_catalogue.text import clean
from tests.support import Stack

QUESTIONS = 60
START_SECONDS = 300
_TOKEN = re.compile(r'name="csrf" value="(\w+)"')
_YOU = re.compile(r'<p class="you"><span class="hidden">[^<]*</span>(.*?)</p>', re.DOTALL)
_ID = re.compile(r'name="message_id" value="(\w+)"')
_ROW = re.compile(r'data-link="/card/(\w+)"')


@dataclass
class Figures:
    """What happened, all people together. Times in seconds."""

    times: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)


def turn_of(text: str) -> tuple[str, str, str]:
    """Return the last turn in a page: the words asked, the id of the reply, the row it is about; empty where missing."""
    said, ids, rows = _YOU.findall(text), _ID.findall(text), _ROW.findall(text)
    return (
        html.unescape(said[-1]) if said else "",
        ids[-1] if ids else "",
        rows[-1] if rows else "",
    )


class Person:
    """One person with a browser: cookies and the token of the page."""

    def __init__(self, client: httpx.AsyncClient, figures: Figures, chance: random.Random):
        self._client, self._figures, self._chance = client, figures, chance
        self._token = ""
        self.asked: list[str] = []

    async def open(self) -> None:
        """Open the page and take its token."""
        found = _TOKEN.search(await self._page())
        assert found, "the page has no form"
        self._token = found[1]

    async def _page(self) -> str:
        response = await self._client.get("/")
        response.raise_for_status()
        return response.text

    async def _send(self, words: str, mark: str, script: bool) -> str:
        fields = {"csrf": self._token, "once": mark, "message": words, "region": ""}
        response = await self._client.post("/chat/turn" if script else "/", data=fields)
        if response.status_code not in (200, 303):
            self._figures.faults[f"status {response.status_code}"] += 1
        return response.text if script else await self._page()

    async def ask(self, words: str, row: str) -> str:
        """Ask one question and check its answer; returns the id of the reply."""
        script, mark = self._chance.random() >= 0.2, secrets.token_hex(8)
        began = time.monotonic()
        text = await self._send(words, mark, script)
        self._figures.times.append(time.monotonic() - began)
        self.asked.append(words)
        said, id_, about = turn_of(text)
        self._figures.counts["script" if script else "form"] += 1
        self._figures.counts["degraded"] += text.count('class="degraded"') if script else 0
        self._figures.ids[id_] += 1
        self._figures.faults["another question's answer"] += said != words
        self._figures.faults["another row"] += bool(row) and about != row
        if self._chance.random() < 0.1:
            self._figures.counts["sent again"] += 1
            again = turn_of(await self._send(words, mark, script))
            self._figures.faults["sent again, another answer"] += again[1] != id_
        return about

    async def check(self) -> None:
        """Compare the page with what was asked."""
        shown = Counter(html.unescape(said) for said in _YOU.findall(await self._page()))
        asked = Counter(self.asked)
        self._figures.faults["lost"] += (asked - shown).total()
        self._figures.faults["doubled"] += (shown - asked).total()


def questions() -> list[str]:
    """Return questions that name both proof and matter of a row that holds for the whole country."""
    rows = [r for r in open_default().rows.values() if r.kind != "general_rule" and r.region_code == "000000"]
    return [clean(f"{row.matter}要{row.proof}吗") for row in rows][:: max(1, len(rows) // QUESTIONS)]


async def run(base: str, people: int, seconds: float, think: tuple[float, float], seed: int) -> dict:
    """Let `people` talk for `seconds`; returns the figures."""
    figures, chance = Figures(), random.Random(seed)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)

    def client() -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=base, timeout=30, trust_env=False, limits=limits)

    expected: dict[str, str] = {}
    for words in questions():  # what each leads to when nobody else asks
        async with client() as alone:
            one = Person(alone, Figures(), random.Random(seed))
            await one.open()
            row = await one.ask(words, "")
            if row:
                expected[words] = row

    async def talk(until: float, own: random.Random) -> None:
        async with client() as mine:
            person = Person(mine, figures, own)
            try:
                await asyncio.sleep(own.uniform(0, think[1]))
                await person.open()
                while time.monotonic() < until:
                    words = own.choice(list(expected))
                    await person.ask(words, expected[words])
                    await asyncio.sleep(own.uniform(*think))
                await person.check()
            except (httpx.HTTPError, AssertionError) as error:
                figures.faults[type(error).__name__] += 1

    began = time.monotonic()
    own = [random.Random(chance.random()) for _ in range(people)]
    await asyncio.gather(*(talk(began + seconds, one) for one in own))
    figures.faults["the same reply to two"] += sum(n - 1 for id_, n in figures.ids.items() if id_)
    figures.faults["without an id"] += figures.ids[""]
    times = sorted(figures.times)
    return {
        "people": people,
        "seconds": seconds,
        "think_seconds": list(think),
        "different_questions": len(expected),
        "messages": len(times),
        "messages_a_second": round(len(times) / seconds, 1),
        **{name.replace(" ", "_"): count for name, count in figures.counts.items()},
        "median_ms": round(statistics.median(times) * 1000),
        "p95_ms": round(times[int(len(times) * 0.95)] * 1000),
        "longest_ms": round(times[-1] * 1000),
        "faults": {name: count for name, count in figures.faults.items() if count},
    }


@contextlib.contextmanager
def own_system() -> Iterator[str]:
    """Start a system of our own and give its address."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "run.log")
        stack.start()
        try:
            stack.wait_until_ok(START_SECONDS)
            yield stack.base
        finally:
            stack.end()


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--think", type=float, nargs=2, default=(8, 16), metavar=("LEAST", "MOST"))
    parser.add_argument("--base", help="a running system, such as http://127.0.0.1:8080")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with contextlib.nullcontext(asked.base) if asked.base else own_system() as base:
        made = asyncio.run(run(base, asked.people, asked.seconds, tuple(asked.think), asked.seed))
    print(json.dumps(made, indent=1, ensure_ascii=False))
    sys.exit(1 if made["faults"] else 0)


if __name__ == "__main__":
    main()
