"""The connectors' words for citizens, from words.yml beside it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml


@functools.lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))


def held(key: str) -> Any:
    """Return what stands under the dotted `key`. Raises KeyError for an unknown key."""
    found: Any = _words()
    for part in key.split("."):
        found = found[part]
    return found


def word(key: str, **names: object) -> str:
    """Return the words under the dotted `key`, with `{names}` filled in. Raises KeyError for an unknown key."""
    return held(key).format(**names) if names else held(key)
