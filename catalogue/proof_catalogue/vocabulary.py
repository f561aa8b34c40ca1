"""What citizens call proofs and matters: names, aliases and cues, read from `proofs.yml` and `matters/*.yml`."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from .errors import CatalogueError
from .text import canonical

Cue = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Term:
    """A proof or a matter as citizens know it.

    `kind` is proof or matter; `cues` are wordings whose parts must all occur, each part a tuple of alternatives;
    `requirements` are the rows it belongs to, none where the catalogue has no row for it.
    """

    kind: str
    name: str
    aliases: tuple[str, ...]
    cues: tuple[Cue, ...]
    requirements: tuple[str, ...]
    generic: bool = False

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Every wording that says this term by itself."""
        return () if self.generic else tuple(dict.fromkeys((self.name, *self.aliases)))


def read_cue(pattern: str) -> Cue:
    """Return the parts of a cue, joined by +, with their alternatives, parted by /. Raises CatalogueError if one is empty."""
    parts = tuple(tuple(filter(None, (canonical(a) for a in part.split("/")))) for part in pattern.split("+"))
    if not all(parts):
        raise CatalogueError(f"the cue {pattern!r} has an empty part")
    return parts


def written_cue(cue: Cue) -> str:
    """Return the pattern that `read_cue` reads."""
    return "+".join("/".join(part) for part in cue)


def _cues(patterns: Iterable[str], where: str) -> tuple[Cue, ...]:
    try:
        return tuple(read_cue(pattern) for pattern in patterns)
    except CatalogueError as error:
        raise CatalogueError(f"{where}: {error}") from None


def _term(kind: str, entry: Any, where: str) -> Term:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise CatalogueError(f"{where}: an entry without a name")
    where = f"{where}, {entry['name']}"
    unknown = set(entry) - {"name", "aliases", "cues", "requirements", "generic"}
    if unknown:
        raise CatalogueError(f"{where}: unknown field {sorted(unknown)[0]!r}")
    for name in ("aliases", "cues", "requirements"):
        values = entry.get(name) or []
        if not isinstance(values, list) or not all(isinstance(v, str) and v.strip() for v in values):
            raise CatalogueError(f"{where}: {name} must be a list of texts")
    return Term(
        kind=kind,
        name=entry["name"],
        aliases=tuple(dict.fromkeys(canonical(a) for a in entry.get("aliases") or [])),
        cues=_cues(entry.get("cues") or [], where),
        requirements=tuple(entry.get("requirements") or []),
        generic=bool(entry.get("generic", False)),
    )


def merged(one: Term, other: Term) -> Term:
    """Return one term from two entries of the same name: matters of several sectors are written in several files."""
    return replace(
        one,
        aliases=tuple(dict.fromkeys(one.aliases + other.aliases)),
        cues=tuple(dict.fromkeys(one.cues + other.cues)),
        requirements=tuple(dict.fromkeys(one.requirements + other.requirements)),
        generic=one.generic or other.generic,
    )


def _read(kind: str, paths: Iterable[Path]) -> list[Term]:
    terms: dict[str, Term] = {}
    for path in paths:
        try:
            entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CatalogueError(f"{path.name}: cannot be read ({error})") from None
        if not isinstance(entries, list):
            raise CatalogueError(f"{path.name}: must be a list")
        for entry in entries:
            term = _term(kind, entry, path.name)
            held = terms.get(term.name)
            terms[term.name] = merged(held, term) if held else term
    return list(terms.values())


def read_terms(data: Path) -> list[Term]:
    """Read all terms below the folder `data`. Raises CatalogueError naming file and entry on the first fault."""
    return _read("proof", [data / "proofs.yml"]) + _read("matter", sorted((data / "matters").glob("*.yml")))
