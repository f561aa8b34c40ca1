"""Puts the evaluation sets to whatever answers, the running system or a peer of it, and keeps one record a reply."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

import httpx

from . import answers_all, dialogues, judge, questions, short, verdict_ids

SHORT_ONE_IN = 8  # the short form runs one item in so many

# session, message, region → the reply of the wire contract; a session None begins a conversation
Ask = Callable[["str | None", str, "str | None"], dict[str, Any]]


@dataclass(frozen=True)
class Record:
    """One judged reply. `right`, `wrong` (asserts a row that is not right) and `all_answered` are the judge's."""

    id: str
    text: str
    turn: bool  # of a dialogue, and not a single question
    group: str  # what a dialogue is about; empty for a question
    expect: str
    accept: tuple[str, ...]
    noise: tuple[str, ...]
    sector: str
    gold_intent: str | None
    outcome: str
    asserted: tuple[str, ...]
    offered: tuple[str, ...]
    intent: str
    confidence: float
    right: bool
    wrong: bool
    all_answered: bool | None  # None where only one thing was asked
    milliseconds: float

    def json(self) -> dict[str, Any]:
        """Return a form for a JSON file."""
        return asdict(self)


@contextmanager
def over_http(base: str) -> Iterator[Ask]:
    """Give the way to ask the system that runs at `base`; waits where it is told to. Raises httpx.HTTPError from a question."""
    with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:

        def ask(session: str | None, message: str, region: str | None) -> dict[str, Any]:
            body = {"session_id": session, "message": message, "region": region}
            response = client.post("/api/chat", json=body)
            while response.status_code == 429:
                time.sleep(float(response.headers["Retry-After"]))
                response = client.post("/api/chat", json=body)
            response.raise_for_status()
            return {**response.json(), "took": response.elapsed.total_seconds() * 1000}

        yield ask


def evaluate(base: str, split: str, short_form: bool = False) -> tuple[list[Record], dict[str, Any]]:
    """Run the sets of `split` through the system at `base`; return the records and what was run.

    Raises httpx.HTTPError if the system cannot be reached or does not answer.
    """
    singles, talks = questions(split), dialogues(split)
    if short_form:
        singles, talks = short(singles, SHORT_ONE_IN), short(talks, SHORT_ONE_IN)
    with over_http(base) as ask:
        health = httpx.get(f"{base}/api/health", timeout=30, trust_env=False).raise_for_status().json()
        records = run(ask, singles, talks)
    return records, {
        "split": split,
        "short": short_form,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "base": base,
        "edition": health["catalogue"]["edition"],
        "version": health["version"],
    }


def run(ask: Ask, questions: list[dict[str, Any]], dialogues: list[dict[str, Any]]) -> list[Record]:
    """Ask every question in a conversation of its own and every dialogue in one, and return the judged replies in order."""
    records = [
        _judged(item, item["text"], ask(None, item["text"], item.get("region")), group="")
        for item in questions
    ]
    for dialogue in dialogues:
        session = None
        for number, step in enumerate(dialogue["turns"]):
            reply = ask(session, step["user"], step.get("region"))
            session = reply["session_id"]
            gold = {**step, "id": f"{dialogue['id']}.{number}", "sector": dialogue.get("sector")}
            records.append(_judged(gold, step["user"], reply, group=dialogue["tests"]))
    return records


def _judged(gold: dict[str, Any], text: str, reply: dict[str, Any], group: str) -> Record:
    region = gold.get("region")
    known = bool(region or (reply["slots"]["region"] and not gold.get("accept_if_region_unknown")))
    right, wrong = judge(gold, reply, known)
    return Record(
        id=gold["id"],
        text=text,
        turn=bool(group),
        group=group,
        expect=gold["expect"],
        accept=tuple(gold.get("accept") or ()),
        noise=tuple(gold.get("noise") or ("clean",)),
        sector=gold.get("sector") or "none",
        gold_intent=gold.get("intent"),
        outcome=reply["outcome"],
        asserted=tuple(verdict_ids(reply)),
        offered=tuple(c["requirement_id"] for c in reply.get("candidates") or [])[:5],
        intent=reply["intent"]["name"],
        confidence=float(reply["intent"]["confidence"]),
        right=right,
        wrong=wrong,
        all_answered=answers_all(gold, reply) if gold.get("accept_all") else None,
        milliseconds=round(float(reply.get("took") or 0.0), 1),
    )
