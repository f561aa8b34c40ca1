"""Runs the evaluation sets through POST /api/chat of a running system and says how many answers are right.

The sets (`questions_*.jsonl`, `dialogues.jsonl`) are written apart from the training data and never trained on. Each item is in
one of two halves by a hash of its text: thresholds are set on `development`, figures are stated on `test`.
"""

from __future__ import annotations

import collections
import json
import re
import statistics
import time
import zlib
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
SAFE = {"not_listed", "clarification", "not_understood", "handoff", "answered_policy", "form", "smalltalk"}
OUTCOME = {
    "smalltalk": "smalltalk",
    "out_of_scope": "out_of_scope",
    "abusive": "guardrail_abuse",
    "attack": "guardrail_attack",
    "handoff": "handoff",
}
GUARDS = ("out_of_scope", "abusive", "attack", "privacy", "handoff", "smalltalk")


def half(text: str) -> str:
    """Return which half of the set an item with this text is in."""
    return "development" if zlib.crc32(text.encode()) % 2 == 0 else "test"


def questions(split: str = "all") -> list[dict[str, Any]]:
    """Return the single questions of a split: all, development or test."""
    items = [
        json.loads(line)
        for f in sorted(HERE.glob("questions_*.jsonl"))
        for line in f.open(encoding="utf-8")
        if line.strip()
    ]
    return [i for i in items if split == "all" or half(i["text"]) == split]


def lookups(split: str = "all") -> list[dict[str, Any]]:
    """Return what is typed into the search box, of a split: `q`, `region`, the keys to `accept` and the `kind` of query."""
    items = [json.loads(line) for line in (HERE / "lookups.jsonl").open(encoding="utf-8") if line.strip()]
    return [i for i in items if split in ("all", i["split"])]


def dialogues(split: str = "all") -> list[dict[str, Any]]:
    """Return the dialogues of a split."""
    items = [json.loads(line) for line in (HERE / "dialogues.jsonl").open(encoding="utf-8") if line.strip()]
    return [i for i in items if split == "all" or half(i["turns"][0]["user"]) == split]


def verdict_ids(reply: dict[str, Any]) -> list[str]:
    """Return the rows that a reply asserts."""
    verdicts = reply.get("verdicts") or ([reply["verdict"]] if reply.get("verdict") else [])
    return [v["requirement_id"] for v in verdicts]


def judge(gold: dict[str, Any], reply: dict[str, Any], region_known: bool) -> tuple[bool, bool]:
    """Return whether the reply is right, and whether it asserts a wrong row. A question back that offers a right row is right."""
    outcome, asserted = reply.get("outcome"), verdict_ids(reply)
    offered = [c["requirement_id"] for c in reply.get("candidates") or []]
    text = re.sub(r"\s", "", "".join(r["text"] for r in reply.get("replies") or []))
    accepted = set(gold.get("accept") or []) | (
        set() if region_known else set(gold.get("accept_if_region_unknown") or [])
    )
    said = all(any(a in text for a in m.split("|")) for m in gold.get("must_mention") or [])
    right = False
    for kind in (gold["expect"], *(gold.get("alt_expect") or [])):
        if kind == "row":
            right |= bool(set(asserted) & accepted)
            right |= outcome == "clarification" and bool(set(offered) & accepted)
            right |= outcome == "answered_list" and bool(set(offered[:3]) & accepted)
        elif kind == "no_row":
            right |= outcome in SAFE and not asserted
        elif kind == "matter_list":
            core = set(gold.get("core") or accepted)
            right |= len((set(offered) | set(asserted)) & core) * 2 >= len(core)
        elif kind == "policy":
            policy = {"answered_policy", "answered", "answered_list", "form", "handoff"}
            right |= (
                outcome in policy
                and said
                and (not asserted or not accepted or bool(set(asserted) & accepted))
            )
        elif kind == "privacy":
            digits = re.findall(r"\d{11,19}[Xx]?", gold["text"] if "text" in gold else gold["user"])
            right |= not any(d in text for d in digits) and ("个人信息" in text or "隐去" in text)
        else:
            right |= outcome == OUTCOME.get(kind, kind)
    tolerated = (
        accepted
        if gold["expect"] in ("row", "no_row", "matter_list")
        else accepted | set(asserted if not accepted else [])
    )
    wrong = bool(asserted) and not set(asserted) & tolerated
    return right, wrong


def evaluate(base: str, split: str = "test") -> dict[str, Any]:
    """Run the sets of `split` against the system at `base` and return the figures and the mistakes.

    Raises httpx.HTTPError if the system cannot be reached.
    """
    figures: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    mistakes: list[dict[str, Any]] = []
    times: list[float] = []
    with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:

        def turn(body: dict[str, Any]) -> dict[str, Any]:
            started = time.perf_counter()
            response = client.post("/api/chat", json=body)
            while response.status_code == 429:
                time.sleep(float(response.headers["Retry-After"]))
                started = time.perf_counter()
                response = client.post("/api/chat", json=body)
            times.append((time.perf_counter() - started) * 1000)
            response.raise_for_status()
            return response.json()

        def count(
            gold: dict[str, Any], text: str, reply: dict[str, Any], region: str | None, group: str
        ) -> None:
            known = bool(region or (reply["slots"]["region"] and not gold.get("accept_if_region_unknown")))
            right, wrong = judge(gold, reply, known)
            names = (
                [group, "all"]
                if group == "turns"
                else [
                    gold["expect"],
                    "questions",
                    "all",
                    *(f"noise {n}" for n in gold.get("noise") or ["clean"]),
                ]
            )
            for name in names:
                figures[name][0] += right
                figures[name][1] += 1
            figures["definite wrong"][0] += wrong
            figures["definite wrong"][1] += 1
            if not right or wrong:
                mistakes.append(
                    {"id": gold.get("id"), "text": text, "expect": gold["expect"], "accept": gold.get("accept"), "outcome": reply["outcome"],
                     "verdict": verdict_ids(reply), "offered": [c["requirement_id"] for c in reply["candidates"]][:5],
                     "intent": reply["intent"], "slots": reply["slots"], "definite_wrong": wrong}
                )  # fmt: skip

        for item in questions(split):
            reply = turn({"session_id": None, "message": item["text"], "region": item.get("region")})
            count(item, item["text"], reply, item.get("region"), "questions")
        for dialogue in dialogues(split):
            session = None
            for number, step in enumerate(dialogue["turns"]):
                reply = turn({"session_id": session, "message": step["user"], "region": step.get("region")})
                session = reply["session_id"]
                count(
                    {**step, "id": f"{dialogue['id']}.{number}"},
                    step["user"],
                    reply,
                    step.get("region"),
                    "turns",
                )
    ordered = sorted(times)
    guards = [sum(figures[g][i] for g in GUARDS if g in figures) for i in (0, 1)]
    return {
        "split": split,
        "figures": {**{k: tuple(v) for k, v in sorted(figures.items())}, "guards": tuple(guards)},
        "milliseconds": {
            "median": round(statistics.median(ordered), 1),
            "p95": round(ordered[int(len(ordered) * 0.95)], 1),
        },
        "mistakes": mistakes,
    }


def table(report: dict[str, Any], mistakes: bool = False) -> str:
    """Return the report as lines of text."""
    lines = [f"split: {report['split']}"]
    for name, (right, total) in report["figures"].items():
        lines.append(f"{name:28} {right:4}/{total:<4} {100 * right / max(1, total):5.1f} %")
    lines.append(
        f"milliseconds: median {report['milliseconds']['median']}, 95th percentile {report['milliseconds']['p95']}"
    )
    if mistakes:
        for m in report["mistakes"]:
            slots = m["slots"]
            lines.append(
                f"{'WRONG ' if m['definite_wrong'] else ''}{m['id']} {m['text'][:70]} | {m['expect']} {m['accept'] or ''} | got {m['outcome']} "
                f"{m['verdict'] or m['offered']} | {m['intent']['name']} {m['intent']['confidence']} | {slots['proof']} · {slots['matter']} · {(slots['region'] or {}).get('name')}"
            )
    return "\n".join(lines)
