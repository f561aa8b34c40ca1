"""The words for citizens, from words.yml here and the one of the paths."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
FILES = (HERE / "words.yml", HERE / "paths" / "words.yml")


@functools.lru_cache(maxsize=1)
def all_words() -> dict[str, Any]:
    """Return all words; those of the paths stand under `paths`. Read once."""
    own, paths = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES)
    return {**own, "paths": paths}


def say(key: str, **names: str) -> str:
    """Return the words under the dotted `key`, with `{names}` filled in. Raises KeyError for an unknown key."""
    found: Any = all_words()
    for part in key.split("."):
        found = found[part]
    return found.format(**names) if names else found
