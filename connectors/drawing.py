"""How a reply of the wire contract is laid out on a page: its blocks, its cards, what is shown at once and what is folded."""

from __future__ import annotations

import re
from typing import Any

from .plain_text import showable
from .words import held

SHOWN_AT_ONCE = 100  # characters of an answer's words before the rest is folded
SHOWN_ITEMS = 5  # of a list
LEAST_FOLDED = 60  # characters; less than that is not worth a fold
Block = dict[str, Any]  # kind (p, ol or ul), lines, start
FOLDABLE = ("answered", "answered_list", "answered_policy", "not_listed")
RATED = (*FOLDABLE, "not_understood", "out_of_scope")


LIST_LINE = re.compile(r"^(?:[·•▪*]|[-–—]\s|(\d{1,2})(?:[\u3001)\uff09]|[.\uff0e](?!\d)))\s*(?=\S)")


def blocks(text: str) -> list[Block]:
    """Plain words as drawn: every line a paragraph, neighbouring bulleted or numbered lines one list."""
    out: list[Block] = []
    for line in (text or "").splitlines():
        line = line.strip()
        if not line:
            continue
        marker = LIST_LINE.match(line)
        kind = "p" if not marker else "ol" if marker[1] else "ul"
        value = line[marker.end() :] if marker else line
        if kind != "p" and out and out[-1]["kind"] == kind:
            out[-1]["lines"].append(value)
        else:
            out.append({"kind": kind, "lines": [value], "start": marker and marker[1]})
    return out


def _bare(text: str) -> str:
    """The letters alone: words compared whatever their punctuation."""
    return re.sub(r"[\W_]+", "", text)


def lead(text: str, card: dict[str, Any]) -> str:
    """The reply's words without the lines that the card itself shows (caution, basis, sources)."""
    shown = [card.get("caution"), card.get("legal_basis")]
    shown += [source.get(key) for source in card.get("sources") or [] for key in ("title", "url", "date")]
    shown_bare = sorted({_bare(str(value)) for value in shown if value}, key=len, reverse=True)
    labels = held("web.labels")
    kept = []
    for line in (text or "").split("\n"):
        whole = rest = _bare(line)
        for value in shown_bare:
            rest = rest.replace(value, "") if len(value) >= 4 else rest
        labelled = re.split("[:\uff1a]", line, maxsplit=1)[0].strip() in labels
        repeats = rest != whole and len(rest) <= (16 if labelled else 2)
        if not repeats and not (shown_bare and whole in labels):
            kept.append(line)
    return "\n".join(kept).strip()


def says(text: str, value: str | None) -> bool:
    """Whether the words already hold this value, whatever the punctuation."""
    return bool(value) and _bare(value or "") in _bare(text or "")


def parts(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """A wire reply as what the page draws: its texts in order, each beside its verdict if it has one."""
    verdicts = reply.get("verdicts") or ([reply["verdict"]] if reply.get("verdict") else [])
    replies = reply.get("replies") or []
    known = held("web.verdicts")
    carded = any((one.get("card") or {}).get("kind") in known for one in replies)
    left = list(verdicts)
    out = []
    for one in replies:
        card = one.get("card") or None
        verdict = None
        if carded:
            verdict = card if card and card.get("kind") in known else None
            if verdict:
                left = [v for v in left if v.get("requirement_id") != verdict.get("requirement_id")]
        elif left and one.get("text"):
            verdict = left.pop(0)
        out.append(
            {
                "text": one.get("text") or "",
                "verdict": verdict,
                "card": None if verdict else card,
                "buttons": one.get("buttons") or [],
            }
        )
    for verdict in left:  # a verdict that no text came with is still shown
        out.append({"text": "", "verdict": verdict, "card": None, "buttons": []})
    return out


def unsaid_candidates(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """The proofs of a list that neither the text nor a button names yet."""
    if reply.get("outcome") != "answered_list":
        return []
    said = "\n".join(
        text
        for one in reply.get("replies") or []
        for text in [
            one.get("text") or "",
            *(button.get("title") or "" for button in one.get("buttons") or []),
        ]
    )
    return [item for item in reply.get("candidates") or [] if not says(said, item.get("proof"))]


def steps(found: list[Block], outcome: str) -> tuple[list[Block], list[Block], list[Block]]:
    """Blocks to show at once, blocks to fold, and blocks that follow the fold.

    A long answer opens by steps: the rest of a long list, or what follows the first words. A form or a question never does.
    """
    if outcome not in FOLDABLE:
        return found, [], []
    for at, block in enumerate(found):
        if block["kind"] != "p" and len(block["lines"]) > SHOWN_ITEMS + 1:
            start = int(block["start"] or 1) + SHOWN_ITEMS if block["kind"] == "ol" else None
            begun = {**block, "lines": block["lines"][:SHOWN_ITEMS]}
            more = {**block, "lines": block["lines"][SHOWN_ITEMS:], "start": start}
            return [*found[:at], begun], [more], found[at + 1 :]
    if outcome != "answered_list":
        for at in range(1, len(found)):
            if sum(map(_length, found[: at + 1])) > SHOWN_AT_ONCE:
                rest = found[at:]
                return (found[:at], rest, []) if sum(map(_length, rest)) >= LEAST_FOLDED else (found, [], [])
    return found, [], []


def _length(block: Block) -> int:
    return sum(len(line) for line in block["lines"])


def row_of(reply: dict[str, Any]) -> str | None:
    """The number of the one row that a reply is about, for a link to it; None if it is about none or several."""
    verdicts = reply.get("verdicts") or ([reply["verdict"]] if reply.get("verdict") else [])
    return verdicts[0].get("requirement_id") if len(verdicts) == 1 else None


def said(reply: dict[str, Any]) -> str:
    """All that a reply says, as plain text: to copy, to share, to keep."""
    return showable(
        "\n\n".join(r["text"].strip() for r in reply.get("replies") or [] if r.get("text", "").strip())
    )
