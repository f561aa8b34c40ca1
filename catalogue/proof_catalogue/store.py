"""The catalogue in SQLite: built whole from the data folder, swapped in at once, opened read-only."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import sqlite_utils
import yaml

from .errors import CatalogueError
from .faqs import Faq, read_faqs
from .linker import Linker
from .meaning import MeaningIndex, encode
from .regions import Region, Regions
from .requirement import Requirement, read_requirements
from .text import canonical, index_terms
from .vocabulary import Term, read_terms

T = TypeVar("T")
DATA = Path(__file__).resolve().parent.parent / "data"
SCHEMA_VERSION = 2


def fingerprint(data: Path = DATA) -> str:
    """Return a hash of all files that a catalogue is built from, and of the schema's version."""
    digest = hashlib.sha256(str(SCHEMA_VERSION).encode())
    read = (p for p in data.rglob("*") if p.suffix in (".jsonl", ".csv", ".yml") and p.name != "search.yml")
    for path in sorted(read):
        digest.update(path.relative_to(data).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def wordings(rows: list[Requirement], faqs: list[Faq]) -> list[tuple[str, str]]:
    """Return the (key, wording) pairs that the meaning index holds for rows and FAQs."""
    pairs = []
    for row in rows:
        if row.kind == "general_rule":
            pairs += [(row.id, wording) for wording in (f"{row.matter}要{row.short_proof}吗", *row.aliases)]
            continue
        pairs.append((row.id, f"{row.matter}需要{row.short_proof}吗"))
        pairs += [(row.id, f"{row.matter}，{alias}") for alias in row.aliases[:3]]
    for faq in faqs:
        pairs += [(faq.id, wording) for wording in (faq.question, *faq.variants)]
    return pairs


@dataclass(frozen=True)
class Data:
    """Everything that the data folder holds, read and checked for dangling references."""

    rows: list[Requirement]
    regions: Regions
    terms: list[Term]
    faqs: list[Faq]
    conflicts: list[dict[str, Any]]
    edition: dict[str, str]


def read_data(data: Path) -> Data:
    """Read the folder `data`. Raises CatalogueError on the first fault, naming file and entry."""
    rows = read_requirements(data / "requirements.jsonl")
    regions = _named(Regions.load, data / "regions.csv")
    terms = read_terms(data)
    conflicts = _named(read_conflicts, data / "conflicts.yml")
    check_references(rows, regions, terms, conflicts)
    faqs = _named(read_faqs, data / "faqs.yml")
    return Data(rows, regions, terms, faqs, conflicts, read_edition(data / "edition.yml"))


def _named(read: Callable[[Path], T], path: Path) -> T:
    try:
        return read(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise CatalogueError(f"{path.name}: cannot be read ({type(error).__name__}: {error})") from None


def build(path: Path, data: Path = DATA) -> None:
    """Build the catalogue database and meaning index from the folder `data` and put both in place at once.

    Does nothing if `path` already holds that very data. Raises CatalogueError on any fault; what was there before stays.
    """
    mark = fingerprint(data)
    if is_current(path, mark):
        return
    shipped = read_data(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    fresh, vectors = path.with_suffix(f".{os.getpid()}.new"), path.with_suffix(f".{os.getpid()}.vectors")
    fresh.unlink(missing_ok=True)
    database = sqlite_utils.Database(fresh)
    try:
        with database.conn:
            _fill(database, shipped)
            database.table("meta").insert_all(
                [
                    {"key": "fingerprint", "value": mark},
                    {"key": "edition", "value": shipped.edition["edition"]},
                    {"key": "published_at", "value": shipped.edition["published_at"]},
                ],
                pk="key",
            )
        database.conn.close()
        MeaningIndex.build(wordings(shipped.rows, shipped.faqs)).save(vectors)
        os.replace(vectors, vectors_path(path))
        os.replace(fresh, path)
    finally:
        database.conn.close()
        fresh.unlink(missing_ok=True)
        vectors.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what builds that were killed left beside `path`."""
    for left in (*path.parent.glob(f"{path.stem}.*.new*"), *path.parent.glob(f"{path.stem}.*.vectors")):
        pid = left.name.split(".")[1]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            left.unlink(missing_ok=True)


def vectors_path(path: Path) -> Path:
    """Return where the meaning index of the database at `path` lies."""
    return path.with_suffix(".npz")


def is_current(path: Path, mark: str) -> bool:
    """Return whether the database at `path` was built from data with the fingerprint `mark`."""
    if not path.exists() or not vectors_path(path).exists():
        return False
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            row = connection.execute("select value from meta where key = 'fingerprint'").fetchone()
    except sqlite3.Error:
        return False
    return row is not None and row[0] == mark


def read_edition(path: Path) -> dict[str, str]:
    """Return `edition` and `published_at` of the data. Raises CatalogueError if one is missing."""
    try:
        edition = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: str(edition[name]) for name in ("edition", "published_at")}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CatalogueError(f"{path.name}: needs edition and published_at ({error})") from None


def read_conflicts(path: Path) -> list[dict[str, Any]]:
    """Return the conflicts of `conflicts.yml`: `rows` that disagree and the one that `prevails`."""
    conflicts = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return [{"rows": list(c["rows"]), "prevails": c["prevails"]} for c in conflicts]


def check_references(
    rows: list[Requirement], regions: Regions, terms: list[Term], conflicts: list[dict[str, Any]]
) -> None:
    """Raise CatalogueError for the first reference to a row or region that is not there."""
    ids = {r.id for r in rows}
    for row in rows:
        if row.region_code not in regions:
            raise CatalogueError(f"{row.id}: no region has the code {row.region_code}")
        for other in row.see_also:
            if other not in ids:
                raise CatalogueError(f"{row.id}: see_also names {other}, which is not there")
    for term in terms:
        for other in term.requirements:
            if other not in ids:
                raise CatalogueError(f"{term.kind} {term.name}: names {other}, which is not there")
    for conflict in conflicts:
        for other in (*conflict["rows"], conflict["prevails"]):
            if other not in ids:
                raise CatalogueError(f"conflicts.yml: names {other}, which is not there")


def _fill(database: sqlite_utils.Database, shipped: Data) -> None:
    rows, regions, terms, faqs, conflicts = (
        shipped.rows,
        shipped.regions,
        shipped.terms,
        shipped.faqs,
        shipped.conflicts,
    )
    database.table("region").insert_all((asdict(regions.get(code)) for code in regions.codes()), pk="code")
    database.table("requirement").insert_all((asdict(r) for r in rows), pk="id")
    database.table("requirement").create_index(["region_code"])
    database.table("term").insert_all(
        (
            {"kind": t.kind, "name": t.name, "aliases": t.aliases, "cues": t.cues, "generic": t.generic}
            for t in terms
        ),
        pk=("kind", "name"),
    )
    database.table("term_requirement").insert_all(
        ({"kind": t.kind, "name": t.name, "requirement_id": r} for t in terms for r in t.requirements),
        pk=("kind", "name", "requirement_id"),
    )
    database.table("faq").insert_all((asdict(f) for f in faqs), pk="id")
    database.table("conflict").insert_all(
        ({"requirement_id": r, "prevails": c["prevails"]} for c in conflicts for r in c["rows"]),
        pk="requirement_id",
    )
    names: dict[str, list[str]] = {}
    for term in terms:
        for row_id in term.requirements:
            names.setdefault(row_id, []).extend(term.names)
    database.table("search").create({"id": str, "proof": str, "matter": str, "rest": str})
    database.table("search").insert_all(
        {
            "id": r.id,
            "proof": index_terms(" ".join((r.proof, *r.aliases))),
            "matter": index_terms(r.matter),
            "rest": index_terms(" ".join(names.get(r.id, []))),
        }
        for r in rows
        if r.kind != "general_rule"
    )
    database.table("search").enable_fts(["proof", "matter", "rest"], tokenize="unicode61")


class Catalogue:
    """An opened catalogue: rows, terms, regions, FAQs in memory; full-text search in SQLite. Safe between threads."""

    def __init__(self, path: Path):
        if not path.exists():
            raise CatalogueError(
                f"there is no catalogue at {path}; build it with 'mianzheng catalogue import'"
            )
        try:
            self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
            self._lock = threading.Lock()
            database = sqlite_utils.Database(self._connection)
            self.meta = {r["key"]: r["value"] for r in database.table("meta").rows}
            if "edition" not in self.meta:
                raise ValueError("it holds no edition")
            self.rows = {r["id"]: _row(r) for r in database.table("requirement").rows}
            self.regions = Regions([Region(**r) for r in database.table("region").rows])
            self.faqs = {r["id"]: _faq(r) for r in database.table("faq").rows}
            self.prevails = {r["requirement_id"]: r["prevails"] for r in database.table("conflict").rows}
            owned: dict[tuple[str, str], list[str]] = {}
            for link in database.table("term_requirement").rows:
                owned.setdefault((link["kind"], link["name"]), []).append(link["requirement_id"])
            self.terms = [_term(r, owned) for r in database.table("term").rows]
            self._meaning_path = vectors_path(path)
        except (sqlite3.Error, KeyError, ValueError) as error:
            raise CatalogueError(
                f"the catalogue at {path} is broken ({error}); build it again with 'mianzheng catalogue import'"
            ) from None
        self.terms_of: dict[str, list[Term]] = {}
        for term in self.terms:
            for row_id in term.requirements:
                self.terms_of.setdefault(row_id, []).append(term)
        self.term = {(t.kind, t.name): t for t in self.terms}
        self._linker: Linker | None = None
        self._meaning: MeaningIndex | None = None

    @property
    def linker(self) -> Linker:
        """The linker over this catalogue's vocabulary, built on first use."""
        with self._lock:
            if self._linker is None:
                self._linker = Linker(self.terms, list(self.rows.values()), self.regions)
        return self._linker

    def near(self, text: str, vector: np.ndarray | None = None) -> dict[str, float]:
        """Return every row and FAQ id with its nearness in meaning to `text`, a cosine; `vector` if it is encoded already."""
        with self._lock:
            if self._meaning is None:
                self._meaning = MeaningIndex.load(self._meaning_path)
            return self._meaning.near(encode([text])[0] if vector is None else vector)

    def generic(self, row_id: str) -> bool:
        """Return whether the row belongs to catch-all matters only."""
        matters = [t for t in self.terms_of.get(row_id, []) if t.kind == "matter"]
        return bool(matters) and all(t.generic for t in matters)

    def words(self) -> set[str]:
        """Return the words that jieba has to know: names of proofs and matters, and what they are made of."""
        names = {n for t in self.terms for n in t.names} | {
            canonical(r.short_proof) for r in self.rows.values()
        }
        return {n for n in names if 2 <= len(n) <= 10 and n.isalnum()}

    def requirement(self, row_id: str) -> Requirement:
        """Return one row. Raises CatalogueError if there is none of that id."""
        try:
            return self.rows[row_id]
        except KeyError:
            raise CatalogueError(f"no requirement has the id {row_id!r}") from None

    def full_text(self, query: str, limit: int = 50) -> dict[str, float]:
        """Return row ids with their BM25 score (higher is better) for the cut `query`."""
        terms = [t for t in index_terms(query).split() if t.isalnum()]
        if not terms:
            return {}
        match = " OR ".join(f'"{t}"' for t in terms[:64])
        sql = (
            "select search.id, -bm25(search_fts, 3.0, 2.0, 1.0) from search_fts join search on search.rowid = search_fts.rowid "
            "where search_fts match ? order by 2 desc limit ?"
        )
        with self._lock:
            return dict(self._connection.execute(sql, (match, limit)).fetchall())


@functools.lru_cache(maxsize=1)
def open_default() -> Catalogue:
    """Return this process's catalogue, `catalogue.db` under MIANZHENG_DATA (default `var`), opened on first use."""
    return Catalogue(Path(os.environ.get("MIANZHENG_DATA") or "var") / "catalogue.db")


def _row(record: dict[str, Any]) -> Requirement:
    lists = {k: tuple(json.loads(record[k] or "[]")) for k in ("aliases", "inferred", "see_also")}
    return Requirement(**{**record, **lists})


def _faq(record: dict[str, Any]) -> Faq:
    return Faq(
        **{
            **record,
            "variants": tuple(json.loads(record["variants"] or "[]")),
            "sources": tuple(json.loads(record["sources"] or "[]")),
            "unverified": bool(record["unverified"]),
        }
    )


def _term(record: dict[str, Any], owned: dict[tuple[str, str], list[str]]) -> Term:
    return Term(
        kind=record["kind"],
        name=record["name"],
        aliases=tuple(json.loads(record["aliases"] or "[]")),
        cues=tuple(tuple(tuple(p) for p in cue) for cue in json.loads(record["cues"] or "[]")),
        requirements=tuple(owned.get((record["kind"], record["name"]), [])),
        generic=bool(record["generic"]),
    )
