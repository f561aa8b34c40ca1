"""The draft of the catalogue and its published editions: change, publish, roll back, look back.

Below `catalogue/` of the data folder, `draft.db` holds the draft and the register of editions; `editions/NNNN.db` are frozen copies that readers open. What is
in force is one row of the register, so it changes in one transaction: a reader sees a whole edition or the one before, and
a process that is killed leaves what was in force.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import content as tables
from .content import Change, Content, compare, content_hash, folder_hash, read_folder, read_label, subjects
from .errors import CatalogueError
from .faqs import Faq
from .requirement import Requirement
from .text import index_terms
from .vocabulary import Term

if TYPE_CHECKING:
    from .asked import AskedIndex
    from .meaning import MeaningIndex

Progress = Callable[[str, int, int], None]  # what is being done, how much of it, of how much
SCHEMA = 5  # how many migrations schema.py has; a draft that has them all says so
LAYOUT = "6"  # of what `derived` makes; another one makes readers' files anew, never the content
FAQ_VARIANTS = 8  # of each FAQ that are encoded, 15 ms each; all of them are compared by `asked`
ENCODE_AT_ONCE = (
    6000  # wordings that a publication encodes itself, a few minutes' work; more wait for `encode`
)
ASKED_AT_ONCE = 30_000  # sentences that are asked, likewise; 4 ms each
LOCK_SECONDS = 120


@dataclass(frozen=True)
class Edition:
    """One published state. `difference` counts by kind what it added, changed and removed against the one before."""

    number: int
    label: str
    hash: str
    author: str
    note: str
    published_at: str
    rows: int
    file: str
    origin: str
    difference: dict[str, dict[str, int]]
    in_force: bool = False

    def json(self) -> dict[str, Any]:
        """Return what programs are told of an edition."""
        told = asdict(self)
        del told["file"]
        return {**told, "edition": self.label, "requirements": self.rows}


class Editions:
    """The catalogue's keeper below one data folder (MIANZHENG_DATA). Writers wait for each other; readers wait for nobody."""

    def __init__(self, data: Path):
        self.folder = data / "catalogue"
        self.path = self.folder / "draft.db"
        try:
            (self.folder / "editions").mkdir(parents=True, exist_ok=True)
            if not self._has_all_tables():
                self._migrate()
        except sqlite3.DatabaseError as error:
            raise CatalogueError(
                f"the catalogue at {self.path} is broken ({error}); put a backup in its place"
            ) from None

    def _has_all_tables(self) -> bool:
        if not self.path.exists():
            return False
        with self._reading() as connection:
            return connection.execute("pragma user_version").fetchone()[0] == SCHEMA

    def _migrate(self) -> None:
        from .schema import migrate

        with self._writing() as connection:
            behind = migrate(connection)
            for edition in self.all() if behind else ():
                with contextlib.closing(sqlite3.connect(self.file(edition), isolation_level=None)) as frozen:
                    migrate(frozen, registry=False)
            connection.execute(f"pragma user_version = {SCHEMA}")

    # --- reading ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # Not opened read-only: after a writer was killed, the first reader has to roll its journal back.
        connection = sqlite3.connect(f"file:{self.path}?mode=rw", uri=True, timeout=10)
        try:
            connection.execute("pragma query_only = on")
            yield connection
        finally:
            connection.close()

    def all(self) -> list[Edition]:
        """Return all editions, newest first."""
        with self._reading() as connection:
            force = _in_force(connection)
            return [
                Edition(**{**r, "difference": json.loads(r["difference"]), "in_force": r["number"] == force})
                for r in _dicts(connection, "select * from edition order by number desc")
            ]

    def mark(self) -> str:
        """Return a text that changes whenever another edition, or more of this one's meaning index, is in force; cheap."""
        with self._reading() as connection:
            row = connection.execute("select value from setting where name = 'generation'").fetchone()
        if row is None:
            raise CatalogueError("nothing is published yet; run 'mianzheng catalogue import'")
        return row[0]

    def get(self, which: str | int | None = None) -> Edition:
        """Return the edition of that number or label, or the one in force. Raises CatalogueError if there is none."""
        editions = self.all()
        for edition in editions:
            if edition.in_force if which is None else str(which) in (str(edition.number), edition.label):
                return edition
        raise CatalogueError(
            "nothing is published yet" if which is None else f"there is no edition {which!r}"
        )

    def on(self, day: str) -> Edition:
        """Return the edition that was in force at the end of the day `day` (YYYY-MM-DD). Raises CatalogueError if none was."""
        for edition in self.all():
            if edition.published_at[:10] <= day:
                return edition
        raise CatalogueError(f"nothing was published by {day}")

    def file(self, edition: Edition) -> Path:
        """Return the frozen file that readers of `edition` open."""
        return self.folder / "editions" / edition.file

    def draft(self) -> Content:
        """Return what the draft says."""
        with self._reading() as connection:
            return tables.read_tables(connection)

    def faq_versions(self) -> list[Faq]:
        """Return every version of every FAQ in the draft."""
        with self._reading() as connection:
            return tables.read_tables_faqs(connection)

    def pending(self) -> list[Change]:
        """Return what a publication would change."""
        published = self.all()
        before = subjects(self.frozen(self.get())) if published else {}
        return compare(before, subjects(self.draft()))

    def frozen(self, edition: Edition) -> Content:
        """Return what `edition` says."""
        connection = sqlite3.connect(f"file:{self.file(edition)}?mode=ro", uri=True)
        try:
            return tables.read_tables(connection)
        except sqlite3.DatabaseError as error:
            raise CatalogueError(f"edition {edition.label} cannot be read ({error})") from None
        finally:
            connection.close()

    def history(self, kind: str, subject: str) -> list[dict[str, Any]]:
        """Return every published change of one thing, newest first: edition, when, by whom, what, and its fields (old, new)."""
        sql = (
            "select e.number, e.label as edition, e.published_at, e.author, e.note, c.what, c.detail "
            "from change c join edition e on e.number = c.edition where c.kind = ? and c.subject = ? order by c.id desc"
        )
        with self._reading() as connection:
            return [
                {**{k: v for k, v in r.items() if k != "detail"}, "fields": json.loads(r["detail"])}
                for r in _dicts(connection, sql, kind, subject)
            ]

    def used_ids(self) -> set[str]:
        """Return the ids of all rows that there ever were; none of them is given to another."""
        with self._reading() as connection:
            return {
                i for (i,) in connection.execute("select distinct subject from change where kind = 'row'")
            }

    # --- changing the draft -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the writers' lock and one connection; the caller opens the transactions."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.folder / "writers.lock", timeout=LOCK_SECONDS):
                # Autocommit, so that transactions begin and end where the code says.
                connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
                try:
                    yield connection
                finally:
                    connection.close()
        except Timeout:
            raise CatalogueError(
                "another import or publication is under way; try again when it is done"
            ) from None

    def change(
        self,
        author: str,
        *,
        rows: Iterable[Requirement] = (),
        remove: Iterable[str] = (),
        faqs: Iterable[Faq] = (),
        lists: Callable[[Content], Content] | None = None,
        origin: str = "",
        progress: Progress | None = None,
    ) -> list[Change]:
        """Put `rows` and `faqs` into the draft and take the rows of `remove` out, all or nothing; return what changed.

        New rows join the proofs and matters of their names, or make new ones with `origin` as their aliases' origin. `lists`
        is given the content with its new rows and returns it with other names, conflicts and claims of completeness.
        Raises CatalogueError if a reference would dangle.
        """
        wanted, gone, said = list(rows), set(remove), list(faqs)
        with self._writing() as connection, _transaction(connection):
            before = tables.read_tables(connection)
            after = tables.changed(before, wanted, gone)
            after = lists(after) if lists else after
            published = {f.id: f for f in before.faqs}
            for faq in said:
                if faq.state == "published":
                    published[faq.id] = faq
                elif faq.state == "retired":
                    published.pop(faq.id, None)
            after = replace(after, faqs=list(published.values()))
            tables.check_references(after)
            return _write(connection, before, after, author, origin, progress, faqs=said)

    def replace(self, content: Content, author: str, origin: str = tables.SHIPPED) -> list[Change]:
        """Make the draft say what `content` says, all or nothing; return what changed."""
        tables.check_references(content)
        with self._writing() as connection, _transaction(connection):
            return _write(connection, tables.read_tables(connection), content, author, origin)

    def discard(self) -> list[Change]:
        """Make the draft say what the edition in force says, and forget what was changed in it since; return what was thrown away.

        FAQs that were only drafted stay.
        """
        with self._writing() as connection, _transaction(connection):
            held, force = tables.read_tables(connection), self.frozen(self.get())
            changes = compare(subjects(force), subjects(held))
            _write(connection, held, force, "", "")
            connection.execute("delete from change where edition is null")
        return changes

    # --- publishing -------------------------------------------------------------------------------------------------

    def publish(
        self,
        author: str,
        note: str,
        label: str = "",
        origin: str = "",
        progress: Progress | None = None,
        at: datetime | None = None,
    ) -> Edition:
        """Freeze the draft as the next edition and put it in force; return it.

        Raises CatalogueError where nothing has changed, or the draft refers to what is not there.
        """
        with self._writing() as connection:
            draft = tables.read_tables(connection)
            tables.check_references(draft)
            made = content_hash(draft)
            held = self.all()
            if held and self.get().hash == made:
                raise CatalogueError("the draft says the same as the edition in force: nothing to publish")
            when = at or datetime.now(timezone.utc)
            number = max((e.number for e in held), default=0) + 1
            label = label or _label(held, when)
            if label in {e.label for e in held}:
                raise CatalogueError(f"there is an edition {label!r} already")
            file = f"{number:04d}.db"
            # What earlier writers left when they were killed belongs to nobody.
            _sweep(self.folder / "editions", {e.file for e in held})
            meta = {
                "number": str(number),
                "edition": label,
                "published_at": _stamp(when),
                "hash": made,
            }
            self._freeze(connection, draft, self.folder / "editions" / file, meta, progress)
            before = subjects(self.frozen(self.get())) if held else {}
            difference = _counted(compare(before, subjects(draft)))
            with _transaction(connection):
                record = (
                    number, label, made, author, note, _stamp(when), len(draft.rows), file, origin,
                    json.dumps(difference),
                )  # fmt: skip
                connection.execute("insert into edition values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", record)
                connection.execute("update change set edition = ? where edition is null", (number,))
                _put_in_force(connection, number)
            return self.get(number)

    def roll_back(self, which: str | int, author: str, note: str = "") -> Edition:
        """Put the content of an earlier edition in force again, as a new edition; the draft follows it.

        What the draft held beyond it is lost from the draft and stays in the history. Raises CatalogueError if there is no
        such edition, or it is in force.
        """
        target = self.get(which)
        if target.in_force:
            raise CatalogueError(f"edition {target.label} is in force already")
        content = self.frozen(target)
        self.replace(content, author, origin=target.origin)
        return self.publish(author, note or f"回到版次 {target.label}", origin=target.origin)

    def install(self, data: Path, progress: Progress | None = None) -> Edition:
        """Publish what the product ships in `data` if it is new here and nobody has edited; return the edition in force.

        A catalogue that a city has changed is left alone: the shipped rows can be imported by hand.
        """
        mark = folder_hash(data)
        with self._reading() as connection:
            seen = dict(connection.execute("select name, value from setting"))
        editions = self.all()
        untouched = bool(editions) and self.get().origin == tables.SHIPPED
        if not editions or (seen.get("shipped") != mark and untouched and not self.pending()):
            content, label = read_folder(data), read_label(data)
            if self.replace(content, tables.SHIPPED) or not editions:
                taken = label["edition"] in {e.label for e in editions}
                at = (
                    None
                    if editions
                    else datetime.fromisoformat(label["published_at"]).replace(tzinfo=timezone.utc)
                )
                self.publish(
                    tables.SHIPPED,
                    "随产品发布的目录",
                    "" if taken else label["edition"],
                    tables.SHIPPED,
                    progress,
                    at,
                )
            with self._writing() as connection, _transaction(connection):
                connection.execute("insert or replace into setting values ('shipped', ?)", (mark,))
        edition = self.get()
        self.readable(edition, progress)
        return edition

    def readable(self, edition: Edition, progress: Progress | None = None) -> Path:
        """Return the frozen file of `edition`, made anew first where another layout of this program wrote it."""
        path = self.file(edition)
        indexes = (path.with_suffix(".npz"), path.with_suffix(".asked"))
        if self._layout(edition) != LAYOUT or not all(index.exists() for index in indexes):
            self._refresh(edition, progress)
        return path

    def encode(self, progress: Progress | None = None) -> int:
        """Encode the wordings that the edition in force still wants, at about 30 ms each and core; return how many they were."""
        from .asked import AskedIndex, asked
        from .meaning import MeaningIndex

        edition = self.get()
        before = MeaningIndex.load(self.file(edition).with_suffix(".npz"))
        content = self.frozen(edition)
        index, _ = MeaningIndex.build(
            wordings(content.rows, content.faqs), before, progress=_of(progress, "编码")
        )
        said = AskedIndex.build(
            asked(content.rows, content.faqs), self._known_asked(), progress=_of(progress, "编码问法")
        )
        with self._writing() as connection:
            _replace_index(said, self.file(edition).with_suffix(".asked"))
            _replace_index(index, self.file(edition).with_suffix(".npz"))
            with _transaction(connection):
                _put_in_force(connection, edition.number)
        return len(index.vectors()) - len(before.vectors())

    def _layout(self, edition: Edition) -> str:
        try:
            with contextlib.closing(
                sqlite3.connect(f"file:{self.file(edition)}?mode=ro", uri=True)
            ) as connection:
                row = connection.execute("select value from meta where key = 'layout'").fetchone()
        except sqlite3.Error:
            return ""
        return row[0] if row else ""

    def _refresh(self, edition: Edition, progress: Progress | None) -> None:
        """Make the frozen file of `edition` anew for this program's layout; its content stays."""
        with self._writing() as connection:
            content = self.frozen(edition)
            source = sqlite3.connect(f"file:{self.file(edition)}?mode=ro", uri=True)
            try:
                meta = dict(source.execute("select key, value from meta"))
                self._freeze(source, content, self.file(edition), meta, progress)
            finally:
                source.close()
            with _transaction(connection):
                if edition.number == _in_force(connection):
                    _put_in_force(connection, edition.number)

    def _freeze(
        self,
        source: sqlite3.Connection,
        content: Content,
        path: Path,
        meta: dict[str, str],
        progress: Progress | None,
    ) -> None:
        from .asked import AskedIndex, asked
        from .meaning import MeaningIndex
        from .schema import create

        fresh = path.with_name(f".{path.stem}.{os.getpid()}.new")
        fresh.unlink(missing_ok=True)
        connection = sqlite3.connect(fresh, isolation_level=None)
        try:
            connection.execute("pragma synchronous = off")  # it is synced as a whole below
            create(connection)
            with _transaction(connection):
                _copy(source, connection)
                connection.execute("delete from faq where state <> 'published'")
                _fill_derived(connection, content, meta, _of(progress, "建立检索"))
            connection.execute("pragma optimize")
            connection.close()
            vectors = path.with_suffix(".npz")
            index, left = MeaningIndex.build(
                wordings(content.rows, content.faqs),
                self._known_vectors(),
                ENCODE_AT_ONCE,
                _of(progress, "编码"),
            )
            if left and progress:
                progress("待编码", 0, left)
            _replace_index(index, vectors)
            said = AskedIndex.build(
                asked(content.rows, content.faqs),
                self._known_asked(),
                ASKED_AT_ONCE,
                _of(progress, "编码问法"),
            )
            _replace_index(said, path.with_suffix(".asked"))
            _sync(fresh)
            os.replace(fresh, path)
            _sync(path.parent)
        finally:
            connection.close()
            fresh.unlink(missing_ok=True)

    def _known_vectors(self) -> MeaningIndex | None:
        from .meaning import MeaningIndex

        for edition in self.all():
            path = self.file(edition).with_suffix(".npz")
            with contextlib.suppress(OSError, ValueError, KeyError):
                return MeaningIndex.load(path)
        return None

    def _known_asked(self) -> AskedIndex | None:
        from .asked import AskedIndex

        for edition in self.all():
            path = self.file(edition).with_suffix(".asked")
            with contextlib.suppress(OSError, ValueError, KeyError):
                return AskedIndex.load(path)
        return None


def wordings(rows: Iterable[Requirement], faqs: Iterable[Faq]) -> list[tuple[str, str]]:
    """Return the (key, wording) pairs that the meaning index holds for rows and FAQs."""
    pairs = []
    for row in rows:
        if row.kind == "general_rule":
            pairs += [(row.id, wording) for wording in (f"{row.matter}要{row.short_proof}吗", *row.aliases)]
            continue
        pairs.append((row.id, f"{row.matter}需要{row.short_proof}吗"))
        pairs += [(row.id, f"{row.matter}，{alias}") for alias in row.aliases[:3]]
    for faq in faqs:
        pairs += [(faq.id, wording) for wording in (faq.question, *faq.variants[:FAQ_VARIANTS])]
    return pairs


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _dicts(connection: sqlite3.Connection, sql: str, *values: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, record, strict=True)) for record in cursor]


def _in_force(connection: sqlite3.Connection) -> int | None:
    row = connection.execute("select number from in_force").fetchone()
    return row[0] if row else None


def _put_in_force(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("insert or replace into in_force values (1, ?)", (number,))
    connection.execute(
        "insert into setting values ('generation', '1') on conflict(name) do update set value = value + 1"
    )


def _write(
    connection: sqlite3.Connection,
    before: Content,
    after: Content,
    author: str,
    origin: str,
    progress: Progress | None = None,
    faqs: Iterable[Faq] = (),
) -> list[Change]:
    """Bring the tables from `before` to `after` and keep what changed. The caller holds the transaction."""
    after = tables.of_today(after)
    changes = compare(subjects(before), subjects(after))
    touched: dict[str, set[str]] = {}
    for change in changes:
        touched.setdefault(change.kind, set()).add(change.subject)
    if touched.keys() & {"region", "former"}:
        tables.put_regions(connection, after.regions)
    rows = {r.id: r for r in after.rows}
    changed = touched.get("row", set())
    tables.drop_rows(connection, sorted(changed - rows.keys()))
    wanted = [rows[i] for i in sorted(changed & rows.keys())]
    for start in range(0, len(wanted), 2000):
        tables.put_rows(connection, wanted[start : start + 2000])
        if progress:
            progress("写入", min(start + 2000, len(wanted)), len(wanted))
    for kind in ("proof", "matter"):
        terms = {t.name: t for t in after.terms if t.kind == kind}
        names = touched.get(kind, set())
        tables.drop_terms(connection, [(kind, n) for n in sorted(names - terms.keys())])
        tables.put_terms(connection, [terms[n] for n in sorted(names & terms.keys())], origin)
    said = {(f.id, f.version): f for f in tables.of_today(replace(after, faqs=list(faqs))).faqs}
    gone = touched.get("faq", set()) - {f.id for f in after.faqs}
    published = [f for f in after.faqs if f.id in touched.get("faq", set())]
    for faq in published:
        # One version of an FAQ is published at a time.
        connection.execute(
            "update faq set state = 'retired' where id = ? and version <> ? and state = 'published'",
            (faq.id, faq.version),
        )
    tables.put_faqs(connection, [*published, *(f for f in said.values() if f not in published)])
    connection.executemany(
        "update faq set state = 'retired' where id = ? and state = 'published'", [(i,) for i in sorted(gone)]
    )
    if touched.keys() & {"conflict", "complete"}:
        tables.put_rest(connection, after.conflicts, after.complete)
    now = _stamp(datetime.now(timezone.utc))
    connection.executemany(
        "insert into change (at, author, kind, subject, what, detail) values (?, ?, ?, ?, ?, ?)",
        [(now, author, c.kind, c.subject, c.what, json.dumps(c.fields, ensure_ascii=False)) for c in changes],
    )
    return changes


def _counted(changes: list[Change]) -> dict[str, dict[str, int]]:
    """Return how many things of each kind were added, changed and removed."""
    counts: dict[str, dict[str, int]] = {}
    for change in changes:
        of_kind = counts.setdefault(change.kind, {"added": 0, "changed": 0, "removed": 0})
        of_kind[change.what] += 1
    return counts


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    for table in tables.CONTENT_TABLES:
        columns = [r[1] for r in source.execute(f"pragma table_info({table})")]
        marks = ", ".join("?" for _ in columns)
        cursor = source.execute(f"select {', '.join(columns)} from {table}")
        while batch := cursor.fetchmany(5000):
            target.executemany(f"insert into {table} ({', '.join(columns)}) values ({marks})", batch)


def _fill_derived(
    connection: sqlite3.Connection,
    content: Content,
    meta: dict[str, str],
    progress: Callable[[int, int], None] | None,
) -> None:
    execute = connection.executemany
    # Proofs before matters, each in order of name.
    ordered = sorted(content.terms, key=lambda t: (t.kind == "matter", t.name))
    terms: dict[str, list[Term]] = {}
    numbers: dict[str, list[str]] = {}
    for number, term in enumerate(ordered):
        for row_id in term.requirements:
            terms.setdefault(row_id, []).append(term)
            numbers.setdefault(row_id, []).append(str(number))
    # The same proofs and matters stand in row after row: each name is cut once.
    cut: dict[str, list[str]] = {}

    def index(texts: Iterable[str]) -> str:
        words: dict[str, None] = {}
        for text in texts:
            held = cut.get(text)
            if held is None:
                held = cut[text] = index_terms(text).split()
            words.update(dict.fromkeys(held))
        return " ".join(words)

    for start in range(0, len(content.rows), 2000):
        batch = content.rows[start : start + 2000]
        execute(
            "insert into row_json values (?, ?)",
            [(r.id, json.dumps(vars(r), ensure_ascii=False)) for r in batch],
        )
        execute(
            "insert into search values (?, ?, ?, ?, ?)",
            [
                (
                    r.id,
                    index((r.proof, *r.aliases)),
                    index((r.matter,)),
                    index(n for t in terms.get(r.id, ()) for n in t.names),
                    r.region_code,
                )
                for r in batch
                if r.kind != "general_rule"
            ],
        )
        if progress:
            progress(min(start + 2000, len(content.rows)), len(content.rows))
    connection.execute(
        "create virtual table search_fts using fts5(proof, matter, rest, region, content='search', tokenize='unicode61')"
    )
    connection.execute("insert into search_fts(search_fts) values ('rebuild')")
    # How many rows each word stands in; counted once, for counting takes long.
    connection.execute("create virtual table temp.words using fts5vocab('main', 'search_fts', 'row')")
    connection.execute("create table search_words as select term, doc from temp.words where term <> ''")
    connection.execute("create unique index search_words_term on search_words(term)")
    connection.execute("drop table temp.words")
    execute("insert into row_terms values (?, ?)", [(i, " ".join(n)) for i, n in numbers.items()])
    execute(
        "insert into whole values (?, ?)",
        [("heads", heads_text(content.rows)), ("terms", terms_text(ordered))],
    )
    execute("insert into meta values (?, ?)", [*{**meta, "layout": LAYOUT}.items()])


def heads_text(rows: Iterable[Requirement]) -> str:
    """Return what readers know of every row before they read it: one line a row, id, kind, region and days with tabs between."""
    return "\n".join("\t".join((r.id, r.kind, r.region_code, r.valid_from, r.valid_until)) for r in rows)


def terms_text(terms: Iterable[Term]) -> str:
    """Return all terms as one JSON text, the ids of their rows joined."""
    held = [(t.kind, t.name, t.aliases, t.cues, " ".join(t.requirements), t.generic) for t in terms]
    return json.dumps(held, ensure_ascii=False)


def _replace_index(index: MeaningIndex | AskedIndex, path: Path) -> None:
    fresh = path.with_name(f".{path.stem}.{os.getpid()}.vectors")
    try:
        index.save(fresh)
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path, files: set[str]) -> None:
    """Remove what writers that were killed left; the caller holds the writers' lock, so no living one is at work."""
    for left in folder.iterdir():
        known = left.name in files or left.with_suffix(".db").name in files
        if not known:
            left.unlink(missing_ok=True)


def _label(held: list[Edition], when: datetime) -> str:
    year = str(when.year)
    counts = [int(e.label[5:]) for e in held if e.label.startswith(f"{year}.") and e.label[5:].isdecimal()]
    return f"{year}.{max(counts, default=0) + 1}"


def _stamp(when: datetime) -> str:
    return when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _of(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, of: progress(what, done, of)
