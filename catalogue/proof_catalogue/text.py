"""Cleaning of what people type: one form for the linker, the search and the wire."""

from __future__ import annotations

import functools
import logging
import re
import unicodedata
from importlib import resources
from typing import Any

# Controls, zero-width and bidirectional marks, variation selectors, private use: invisible, sometimes hostile.
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
_SPACES = re.compile(r"\s+")
_REPEATS = re.compile(r"([^\w\s])\1{2,}")
# Names mostly hold nothing else; of these characters none changes but from traditional to simplified.
_ONLY_HAN = re.compile("[\u4e00-\u9fa5]*")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u20e3]")


def clean(text: str) -> str:
    """Return `text` in NFKC, without invisible characters, with single spaces and no run of three equal marks."""
    kept = [
        c
        for c in unicodedata.normalize("NFKC", text)
        if c in "\n\t" or unicodedata.category(c) not in _HIDDEN
    ]
    return _REPEATS.sub(r"\1\1", _SPACES.sub(" ", unicodedata.normalize("NFKC", "".join(kept)))).strip()


@functools.lru_cache(maxsize=1)
def _converter():
    from opencc import OpenCC

    return OpenCC("t2s")


@functools.lru_cache(maxsize=1)
def _traditional() -> frozenset[str]:
    """The characters that the converter changes, from its own dictionary."""
    file = resources.files("opencc") / "dictionary" / "TSCharacters.txt"
    return frozenset(line[0] for line in file.read_text(encoding="utf-8").splitlines() if line)


def simplify(text: str) -> str:
    """Return `text` with traditional characters made simplified, one character for one."""
    if _traditional().isdisjoint(text):
        return text  # almost always, and much quicker than converting
    made = _converter().convert(text)
    return made if len(made) == len(text) else text


def canonical(text: str) -> str:
    """Return the form that names are compared in: cleaned, simplified, lower case, emoji as spaces (same length as `clean`)."""
    if _ONLY_HAN.fullmatch(text):
        return simplify(text)
    plain = _EMOJI.sub(" ", simplify(clean(text)))
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in plain)


@functools.lru_cache(maxsize=1)
def cutter() -> Any:
    """Return jieba, imported on first use and kept from talking on standard error."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    return jieba


def index_terms(text: str) -> str:
    """Return `text` cut for FTS5, space-joined: jieba's search words and all pairs of neighbouring characters."""
    compact = re.sub(r"[^\w]", "", canonical(text))
    words = [w for w in cutter().cut_for_search(compact) if w.strip()]
    pairs = [compact[i : i + 2] for i in range(len(compact) - 1)]
    return " ".join(dict.fromkeys(words + pairs))
