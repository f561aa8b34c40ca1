"""Replies as plain text, for channels without cards and buttons: numbers to choose by, pieces of a bounded size."""

from __future__ import annotations

import re
from typing import Any

from .words import held, word

Menu = list[tuple[str, str]]  # (title, payload) in the order of their numbers

# What XML 1.0 does not allow, and what has no place in a text.
_UNSHOWABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\r(?=\n)")
_NUMBERED = re.compile(r"^(\d{1,2})[.．、]", re.MULTILINE)
_NUMBER = re.compile(r"第?([0-9]{1,2}|[一二三四五六七八九十]|十[一二])[个项条号.、。]?")
_CHINESE = {c: n for n, c in enumerate("一二三四五六七八九十", 1)} | {"十一": 11, "十二": 12}
# Where a text may be cut, the best place first.
_BORDERS = ("\n", "。", "！", "？", "；", "，", "、", " ")


def reply_text(reply: dict[str, Any]) -> str:
    """Return all that `reply` says, and its buttons as numbers to send back."""
    texts = [r["text"].strip() for r in reply["replies"] if r["text"].strip()]
    choices = menu(reply)
    text = "\n\n".join(texts)
    if choices and [int(n) for n in _NUMBERED.findall(text)] == list(range(1, len(choices) + 1)):
        text += "\n" + word("plain.choose_above")  # the text has the same numbers already
    elif choices:
        lines = [f"{n}. {title}" for n, (title, _) in enumerate(choices, 1)]
        text += "\n" + "\n".join([word("plain.choose"), *lines])
    return showable(text)


def menu(reply: dict[str, Any]) -> Menu:
    """Return the buttons of `reply` as a menu, each payload once."""
    buttons = {b["payload"]: b["title"] for r in reply["replies"] for b in r.get("buttons") or []}
    return [(title, payload) for payload, title in buttons.items()]


def chosen(text: str, choices: Menu) -> str | None:
    """Return the payload that `text` picks by number or by title, or None if it is something else."""
    found = _NUMBER.fullmatch(text)
    if found:
        number = _CHINESE.get(found[1]) or int(found[1] if found[1].isdecimal() else 0)
        return choices[number - 1][1] if 1 <= number <= len(choices) else None
    return next((payload for title, payload in choices if title == text), None)


def wants_human(text: str) -> bool:
    """Return whether `text` is nothing but the wish for a person, in a word or in a short sentence."""
    said = text.strip("。.!！~～ ")
    if said in held("plain.human"):
        return True
    short = len(said) <= 12 and not any(word in said for word in held("plain.human_not"))
    return short and any(word in said for word in held("plain.human_within"))


def showable(text: str) -> str:
    """Return `text` without characters that XML cannot hold; angle brackets become wide, so that no link can be planted."""
    return _UNSHOWABLE.sub("", text).replace("<", "＜").replace(">", "＞")


def split(text: str, limit: int) -> list[str]:
    """Return `text` in pieces of at most `limit` bytes of UTF-8 each, cut on sentence borders where there are any."""
    pieces, left = [], text.strip()
    while len(left.encode()) > limit:
        most = left.encode()[:limit].decode("utf-8", "ignore")
        cut = next(
            (at + len(b) for b in _BORDERS if (at := most.rfind(b)) >= len(most) // 2),
            len(most),
        )
        pieces.append(left[:cut].strip())
        left = left[cut:].strip()
    if left:
        pieces.append(left)
    return [p for p in pieces if p]
