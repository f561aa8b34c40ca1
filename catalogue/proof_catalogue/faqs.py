"""Rules of the reform as questions and answers, each with its source, its state and the days on which it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from .errors import CatalogueError

STATES = ("draft", "published", "retired")
_FIELDS = {
    "id",
    "topic",
    "question",
    "variants",
    "answer",
    "region_code",
    "sources",
    "unverified",
    "state",
    "valid_from",
    "valid_until",
    "version",
}


@dataclass(frozen=True)
class Faq:
    """One rule in plain words. `unverified` is true where the source could not be checked.

    `state` is draft, published or retired; `valid_from` and `valid_until` are the first and the last day on which the answer
    holds, YYYY-MM-DD or empty where unknown; `version` counts from 1 and grows with every change.
    """

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

    @classmethod
    def parse(cls, entry: Any, where: str) -> Faq:
        """Build an FAQ from a mapping. Raises CatalogueError naming `where` and the field at fault."""
        if not isinstance(entry, dict) or not all(
            isinstance(entry.get(k), str) and entry[k].strip() for k in ("id", "topic", "question", "answer")
        ):
            raise CatalogueError(f"{where}: needs id, topic, question and answer as texts")
        unknown = set(entry) - _FIELDS
        if unknown:
            raise CatalogueError(f"{where}: unknown field {sorted(map(str, unknown))[0]!r}")
        if not re.fullmatch(r"Q\d{3,}", entry["id"]):
            raise CatalogueError(f"{where}: the id {entry['id']!r} is not Q and at least three digits")
        where = f"{where}, {entry['id']}"
        variants, sources = entry.get("variants") or [], entry.get("sources") or []
        if not isinstance(variants, (list, tuple)) or not all(
            isinstance(v, str) and v.strip() for v in variants
        ):
            raise CatalogueError(f"{where}: variants must be a list of texts")
        if not isinstance(sources, (list, tuple)) or not all(
            isinstance(s, dict) and s.get("title") for s in sources
        ):
            raise CatalogueError(f"{where}: every source needs a title")
        if not sources and not entry.get("unverified"):
            raise CatalogueError(f"{where}: {entry['id']} has no source and is not marked unverified")
        region_code = str(entry.get("region_code") or "330000")
        if not re.fullmatch(r"\d{6}", region_code):
            raise CatalogueError(f"{where}: region_code {region_code!r} is not six digits")
        state = entry.get("state") or "published"
        if state not in STATES:
            raise CatalogueError(f"{where}: state is {state!r}, not one of {', '.join(STATES)}")
        version = entry.get("version", 1)
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise CatalogueError(f"{where}: version {version!r} is not a whole number from 1")
        valid_from, valid_until = (
            _day(entry.get(name), f"{where}: {name}") for name in ("valid_from", "valid_until")
        )
        if valid_from and valid_until and valid_from > valid_until:
            raise CatalogueError(f"{where}: valid_from {valid_from} is after valid_until {valid_until}")
        return cls(
            id=entry["id"],
            topic=entry["topic"],
            question=entry["question"],
            variants=tuple(variants),
            answer=entry["answer"].strip(),
            region_code=region_code,
            sources=tuple({k: _text(v) for k, v in s.items()} for s in sources),
            unverified=bool(entry.get("unverified")),
            state=state,
            valid_from=valid_from,
            valid_until=valid_until,
            version=version,
        )

    def in_force(self, on: date) -> bool:
        """Return whether the answer is published and holds on the day `on`; an unknown date sets no bound."""
        day = on.isoformat()
        return (
            self.state == "published"
            and (not self.valid_from or self.valid_from <= day)
            and (not self.valid_until or day <= self.valid_until)
        )


def _text(value: Any) -> str:
    """Return `value` as text; YAML reads an unquoted 2020-10-20 as a day."""
    return "" if value is None else str(value)


def _day(value: Any, where: str) -> str:
    text = _text(value)
    try:
        if text and (not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) or not date.fromisoformat(text)):
            raise ValueError
    except ValueError:
        raise CatalogueError(f"{where} {text!r} is not a day as YYYY-MM-DD") from None
    return text


def read_faqs(path: Path) -> list[Faq]:
    """Read `faqs.yml`, drafts and retired ones too. Raises CatalogueError naming the entry on the first fault."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CatalogueError(f"{path.name}: cannot be read ({error})") from None
    if not isinstance(entries, list):
        raise CatalogueError(f"{path.name}: must be a list")
    faqs: dict[str, Faq] = {}
    for number, entry in enumerate(entries, 1):
        where = f"{path.name}, entry {number}"
        faq = Faq.parse(entry, where)
        if faq.id in faqs:
            raise CatalogueError(f"{where}: id {faq.id} stands twice")
        faqs[faq.id] = faq
    return list(faqs.values())
