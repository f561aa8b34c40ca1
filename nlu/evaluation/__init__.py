"""The evaluation sets and their judge: what was asked, what would be right, and whether a reply is.

The sets (`questions_*.jsonl`, `dialogues.jsonl`) are written apart from the training data and never trained on. Each item is in
one of two halves by a hash of its text: thresholds are set on `development`, figures are stated on `test`. README.md says what
the fields mean.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

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


def short(items: list[dict[str, Any]], one_in: int) -> list[dict[str, Any]]:
    """Return the fixed part of `items`, about one in `one_in`, that the short form runs."""
    return [i for i in items if zlib.crc32(i["id"].encode()) % one_in == 0]


def lookups(split: str = "all") -> list[dict[str, Any]]:
    """Return what is typed into the search box, of a split: `q`, `region`, the keys to `accept` and the `kind` of query."""
    items = [json.loads(line) for line in (HERE / "lookups.jsonl").open(encoding="utf-8") if line.strip()]
    return [i for i in items if split == "all" or half(i["q"]) == split]


def dialogues(split: str = "all") -> list[dict[str, Any]]:
    """Return the dialogues of a split."""
    items = [json.loads(line) for line in (HERE / "dialogues.jsonl").open(encoding="utf-8") if line.strip()]
    return [i for i in items if split == "all" or half(i["turns"][0]["user"]) == split]


def verdict_ids(reply: dict[str, Any]) -> list[str]:
    """Return the rows that a reply asserts."""
    verdicts = reply.get("verdicts") or ([reply["verdict"]] if reply.get("verdict") else [])
    return [v["requirement_id"] for v in verdicts]


def answers_all(gold: dict[str, Any], reply: dict[str, Any]) -> bool:
    """Return whether each of the questions in one message (`accept_all`) is answered, or asked back with a right row."""
    given = {*verdict_ids(reply), *(c["requirement_id"] for c in reply.get("candidates") or [])}
    return all(given & set(rows) for rows in gold["accept_all"])


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
