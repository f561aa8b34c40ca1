"""Government matters that are none of ours, and where to go with them (neighbours.yml)."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("neighbours.yml")
_Cue = tuple[tuple[str, ...], ...]


@functools.lru_cache(maxsize=1)
def _neighbours() -> tuple[tuple[tuple[_Cue, ...], str], ...]:
    held = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(
        (
            tuple(tuple(tuple(part.split("/")) for part in cue.split("+")) for cue in entry["says"]),
            entry["go"],
        )
        for entry in held
    )


def where_to_go(text: str) -> str | None:
    """Return where to go with the neighbouring matter that `text` is about, in words for the citizen, or None.

    What speaks of a 证明 is about no neighbouring matter.
    """
    if "证明" in text:
        return None
    for cues, go in _neighbours():
        if any(all(any(word in text for word in part) for part in cue) for cue in cues):
            return go
    return None
