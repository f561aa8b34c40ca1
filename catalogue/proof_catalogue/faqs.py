"""Rules of the reform as questions and answers, each with its source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .errors import CatalogueError


@dataclass(frozen=True)
class Faq:
    """One rule in plain words. `unverified` is true where the source could not be checked."""

    id: str
    topic: str
    question: str
    variants: tuple[str, ...]
    answer: str
    region_code: str
    sources: tuple[dict[str, Any], ...]
    unverified: bool
    state: str = "published"
    valid_from: str = ""
    valid_until: str = ""
    version: int = 1


def read_faqs(path: Path) -> list[Faq]:
    """Read `faqs.yml`. Raises CatalogueError naming the entry on the first fault."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CatalogueError(f"{path.name}: cannot be read ({error})") from None
    faqs: dict[str, Faq] = {}
    for number, entry in enumerate(entries or [], 1):
        where = f"{path.name}, entry {number}"
        if not isinstance(entry, dict) or not all(
            isinstance(entry.get(k), str) for k in ("id", "topic", "question", "answer")
        ):
            raise CatalogueError(f"{where}: needs id, topic, question and answer as texts")
        if not re.fullmatch(r"Q\d{3,}", entry["id"]):
            raise CatalogueError(f"{where}: the id {entry['id']!r} is not Q and at least three digits")
        if entry["id"] in faqs:
            raise CatalogueError(f"{where}: id {entry['id']} stands twice")
        sources = entry.get("sources") or []
        if not sources and not entry.get("unverified"):
            raise CatalogueError(f"{where}: {entry['id']} has no source and is not marked unverified")
        faqs[entry["id"]] = Faq(
            id=entry["id"],
            topic=entry["topic"],
            question=entry["question"],
            variants=tuple(entry.get("variants") or []),
            answer=entry["answer"].strip(),
            region_code=str(entry.get("region_code") or "330000"),
            sources=tuple(dict(s) for s in sources),
            unverified=bool(entry.get("unverified")),
        )
    return list(faqs.values())
