"""The catalogue as readers see it: one frozen edition, opened read-only, and the one in force kept up with."""

from __future__ import annotations

import functools
import gc
import itertools
import json
import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import content as tables
from .editions import Edition, Editions
from .errors import CatalogueError
from .faqs import Faq
from .linker import Linker
from .requirement import LISTS, Requirement
from .text import canonical, index_terms
from .vocabulary import Term

if TYPE_CHECKING:  # loading NumPy takes longer than opening an edition
    from .asked import AskedIndex
    from .meaning import MeaningIndex

log = logging.getLogger("mianzheng.catalogue")
RETRY_SECONDS = 2.0
READ = 6000  # rows that the words searched by may stand in, all together, the rarest word first
DATA = Path(__file__).resolve().parent.parent / "data"


@functools.cache
def _comparing() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "comparing")


class Head(NamedTuple):
    """What of a row decides whether it can answer at all."""

    kind: str
    region_code: str
    valid_from: str
    valid_until: str


class Heads(Mapping[str, Head]):
    """The heads of all rows by id, each taken apart when first asked for."""

    def __init__(self, text: str):
        lines = text.split("\n") if text else []
        self._held: dict[str, str | Head] = {line[: line.index("\t")]: line for line in lines}

    def __getitem__(self, row_id: str) -> Head:
        held = self._held[row_id]
        if type(held) is str:
            held = self._held[row_id] = Head._make(held.split("\t")[1:])
        return held  # type: ignore[return-value]

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


class Rows(Mapping[str, Requirement]):
    """All rows by id, read from the edition when first asked for."""

    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock, heads: Heads):
        self._connection, self._lock = connection, lock
        self._held: dict[str, Requirement] = {}
        self.heads = heads

    def __getitem__(self, row_id: str) -> Requirement:
        if row_id not in self.heads:
            raise KeyError(row_id)
        return self.all((row_id,))[0]

    def all(self, ids: Iterable[str]) -> list[Requirement]:
        """Return the rows of `ids`, which must be there, in their order."""
        wanted = list(ids)
        missing = [i for i in wanted if i not in self._held]
        with self._lock:
            for (text,) in _fetched(self._connection, "select json from row_json where id in", missing):
                row = _row(text)
                self._held[row.id] = row
        return [self._held[i] for i in wanted]

    def __contains__(self, row_id: object) -> bool:
        return row_id in self.heads

    def __iter__(self) -> Iterator[str]:
        return iter(self.heads)

    def __len__(self) -> int:
        return len(self.heads)


class TermsOf(dict[str, list[Term]]):
    """The terms of each row, proofs before matters, looked up when first asked for; a row without any has none."""

    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock, terms: list[Term]):
        super().__init__()
        self._connection, self._lock, self._terms = connection, lock, terms

    def __missing__(self, row_id: str) -> list[Term]:
        self.load((row_id,))
        return self[row_id]

    def load(self, ids: Iterable[str]) -> None:
        """Look the terms of all `ids` up at once."""
        missing = [i for i in ids if i not in self]
        with self._lock:
            sql = "select id, terms from row_terms where id in"
            found: dict[str, str] = dict(_fetched(self._connection, sql, missing))
        for row_id in missing:
            self[row_id] = [self._terms[int(n)] for n in found.get(row_id, "").split()]


class Catalogue:
    """An opened edition: vocabulary and regions in memory, rows on demand, full-text search in SQLite. Safe between threads."""

    def __init__(self, path: Path):
        if not path.exists():
            raise CatalogueError(
                f"there is no catalogue at {path}; make it with 'mianzheng catalogue import'"
            )
        try:
            self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
            self._lock = threading.RLock()
            self.meta: dict[str, str] = dict(self._connection.execute("select key, value from meta"))
            if "edition" not in self.meta:
                raise ValueError("it holds no edition")
            whole: dict[str, str] = dict(self._connection.execute("select name, text from whole"))
            self.rows = Rows(self._connection, self._lock, Heads(whole["heads"]))
            self.regions = tables.read_tables_regions(self._connection)
            self.faqs: dict[str, Faq] = {f.id: f for f in tables.read_tables_faqs(self._connection)}
            self.prevails: dict[str, str] = dict(
                self._connection.execute("select row_id, prevails from conflict")
            )
            self._complete = set(self._connection.execute("select region_code, sector from completeness"))
            self.terms = [_term(t) for t in json.loads(whole["terms"])]
        except (sqlite3.Error, KeyError, ValueError, TypeError) as error:
            raise CatalogueError(
                f"the catalogue at {path} is broken ({error}); take 'mianzheng catalogue edition rollback' or a backup"
            ) from None
        self._meaning_path = path.with_suffix(".npz")
        self.term = {(t.kind, t.name): t for t in self.terms}
        self.terms_of = TermsOf(self._connection, self._lock, self.terms)
        # The term's own name outweighs an alias of another.
        self.by_name = {(t.kind, n): t for t in self.terms for n in t.aliases}
        self.by_name.update({(t.kind, canonical(t.name)): t for t in self.terms})
        self._linker: Linker | None = None
        self._meaning: MeaningIndex | None = None
        self._asked_path = path.with_suffix(".asked")
        self._asked: AskedIndex | None = None
        self._loading = threading.Lock()
        # Rows and FAQs are sought one after the other by the same text.
        # Held weakly: a circle that `warm` froze would keep a replaced edition in memory for good.
        compare: Any = weakref.WeakMethod(self._compare)
        self._near = functools.lru_cache(maxsize=64)(lambda *asked: compare()(*asked))

    def _names(self) -> tuple[list[tuple[str, str]], list[str]]:
        """Return (row id, name) for every name that rows have of their own, and the names of all their matters."""
        read = self._connection.execute
        parts = [f"select id, proof from {table}" for table in tables.ROW_TABLES.values()]
        names = read(f"{' union all '.join(parts)} union all select row_id, alias from row_alias").fetchall()
        parts = [f"select matter from {table}" for table in tables.ROW_TABLES.values()]
        return names, [m for (m,) in read(" union ".join(parts))]

    def complete(self, region: str | None, sectors: Iterable[str]) -> bool:
        """Return whether the edition claims to hold every requirement of one of `sectors` for `region`."""
        wanted = {*sectors, "*"}
        chain = self.regions.chain(region)
        return any(code in chain and sector in wanted for code, sector in self._complete)

    @property
    def linker(self) -> Linker:
        """The linker over this catalogue's vocabulary, built on first use."""
        with self._lock:
            if self._linker is None:
                self._linker = Linker(self.terms, *self._names(), self.regions)
        return self._linker

    def near(self, text: str, top: int = 200, end: int = 0) -> Mapping[str, float]:
        """Return the `top` rows and all FAQs with their nearness to `text`: in meaning, a cosine, and by how citizens ask.

        With `end` only so many of the last characters are compared in meaning, which takes the encoder that much less time.
        """
        return self._near(text, top, end)

    def nearing(self, text: str, top: int = 200, end: int = 0) -> Future[Mapping[str, float]]:
        """Return what `near` will return: it is worked out in a thread of its own, while the caller compares by other means."""
        return _comparing().submit(self._near, text, top, end)

    def _compare(self, text: str, top: int, end: int) -> Mapping[str, float]:
        from .asked import AskedIndex
        from .meaning import MeaningIndex, encoding

        vector = encoding(text[-end:])
        with self._loading:
            if self._asked is None:
                self._asked = AskedIndex.load(self._asked_path)
            if self._meaning is None:
                self._meaning = MeaningIndex.load(self._meaning_path)
        gains, usual = self._asked.beyond(text)
        near = self._meaning.near(vector.result(), top)
        least = min((n for k, n in near.items() if k not in self.faqs), default=0.0)
        found = {key: n + usual for key, n in near.items()}
        return found | {key: near.get(key, least) + gain for key, gain in gains.items()}

    def warm(self) -> None:
        """Load what the first question would otherwise wait for."""
        self.linker.link("热身 reshen")
        self.near("热身")
        # What is loaded now stays: a full collection would look at millions of objects, a third of a second in a search.
        gc.collect()
        gc.freeze()

    def generic(self, row_id: str) -> bool:
        """Return whether the row belongs to catch-all matters only."""
        matters = [t for t in self.terms_of[row_id] if t.kind == "matter"]
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

    def full_text(
        self, query: str, limit: int = 50, regions: Collection[str] | None = None
    ) -> dict[str, float]:
        """Return row ids with their BM25 score (higher is better) for the cut `query`, of `regions` only where given.

        Where words stand in a great many rows the rarest are searched by: common ones cost most and tell least.
        """
        terms = list(dict.fromkeys(t for t in index_terms(query).split() if t.isalnum()))[:64]
        if not terms:
            return {}
        with self._lock:
            marks = ", ".join("?" for _ in terms)
            counts = dict(
                self._connection.execute(f"select term, doc from search_words where term in ({marks})", terms)
            )
            rare = sorted((c, t) for t, c in counts.items())
            read = itertools.accumulate(c for c, _ in rare)
            kept = [
                t for n, ((_, t), total) in enumerate(zip(rare, read, strict=True)) if total <= READ or n == 0
            ]
            if not kept:
                return {}
            match = "{proof matter rest} : (" + " OR ".join(f'"{t}"' for t in kept) + ")"
            if regions is not None:
                match += " AND region : (" + " OR ".join(f'"{c}"' for c in regions) + ")"
            sql = (
                "select search.id, -score from ("
                "select rowid, bm25(search_fts, 3.0, 2.0, 1.0, 0.0) as score from search_fts where search_fts match ? "
                "order by score, rowid limit ?) as found join search on search.rowid = found.rowid order by score, search.rowid"
            )
            return dict(self._connection.execute(sql, (match, limit)).fetchall())


class Current:
    """The edition in force below a data folder; a newer one is opened beside it and takes its place when it is warm."""

    def __init__(self, folder: Path):
        self.editions = Editions(folder)
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._mark = self.editions.mark()
        self._held = Catalogue(self.editions.file(self.editions.get()))

    def get(self) -> Catalogue:
        """Return the edition in force, or for the second or two that a newer one takes to open, the one before it."""
        try:
            mark = self.editions.mark()
        except (sqlite3.Error, CatalogueError):
            return self._held  # the register is being written; the next call asks again
        if mark != self._mark and time.monotonic() >= self._not_before and self._lock.acquire(blocking=False):
            threading.Thread(target=self._open, args=(mark,), daemon=True).start()
        return self._held

    def _open(self, mark: str) -> None:
        """Open and warm the edition of `mark`; the caller holds the lock, which is given back here."""
        try:
            fresh = Catalogue(self.editions.file(self.editions.get()))
            fresh.warm()
            self._held, self._mark = fresh, mark
        except Exception as error:
            self._not_before = time.monotonic() + RETRY_SECONDS
            log.error("a newly published edition cannot be opened, the old one goes on: %s", error)
        finally:
            self._lock.release()


_current: dict[Path, Current] = {}
_opening = threading.Lock()


def current(folder: Path) -> Current:
    """Return this process's view of the catalogue below `folder`, opened on first use."""
    with _opening:
        held = _current.get(folder)
        if held is None:
            held = _current[folder] = Current(folder)
    return held


def open_default() -> Catalogue:
    """Return the edition in force below MIANZHENG_DATA (default `var`); call it for each question, it follows publications."""
    return current(Path(os.environ.get("MIANZHENG_DATA") or "var").resolve()).get()


def open_edition(
    editions: Editions, which: str | None = None, said_on: str | None = None
) -> tuple[Catalogue, Edition]:
    """Return the edition of that number or label, or the one in force on the day `said_on`, or the one in force now.

    Raises CatalogueError if there is none.
    """
    edition = editions.on(said_on) if said_on else editions.get(which)
    return Catalogue(editions.readable(edition)), edition


def _fetched(connection: sqlite3.Connection, sql: str, ids: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield what `sql` gives for `ids`, a few hundred of them at a time."""
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        yield from connection.execute(f"{sql} ({', '.join('?' for _ in part)})", part)


def _term(held: list[Any]) -> Term:
    kind, name, aliases, cues, rows, generic = held
    pattern = tuple(tuple(tuple(part) for part in cue) for cue in cues)
    return Term(kind, name, tuple(aliases), pattern, tuple(rows.split()), generic)


def _row(text: str) -> Requirement:
    record = json.loads(text)
    for name in LISTS:
        record[name] = tuple(record.get(name, ()))
    return Requirement(**record)
