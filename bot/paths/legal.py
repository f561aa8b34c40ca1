"""The legal statements of the paths, each with its source."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

UNVERIFIED = "〔待核实〕"


@functools.lru_cache(maxsize=1)
def statements() -> dict[str, dict[str, Any]]:
    """Return all statements of legal.yml, read once."""
    return yaml.safe_load(Path(__file__).with_name("legal.yml").read_text(encoding="utf-8"))


def law(key: str) -> str:
    """Return the statement under `key` with its source, and marked where the source does not bear it out in full."""
    held = statements()[key]
    mark = UNVERIFIED if held.get("unverified") else ""
    return f"{held['text']}{mark}（依据：{held['source']}）"
