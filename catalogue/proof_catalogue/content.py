"""What a catalogue holds, as values: read from a data folder or from the tables, written to the tables, compared, hashed."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from .errors import CatalogueError
from .faqs import Faq, read_faqs
from .regions import Former, Region, Regions
from .requirement import Requirement, read_requirements
from .text import canonical
from .vocabulary import Cue, Term, read_terms, written_cue

T = TypeVar("T")
SHIPPED = "随产品"  # the origin of aliases that the data folder brings


@dataclass(frozen=True)
class Content:
    """Everything that one state of the catalogue says. `complete` lists where it claims to hold every requirement there is."""

    rows: list[Requirement]
    regions: Regions
    terms: list[Term]
    faqs: list[Faq]
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    complete: list[dict[str, str]] = field(default_factory=list)


# --- the data folder ------------------------------------------------------------------------------------------------


def read_folder(data: Path) -> Content:
    """Read the folder `data`. Raises CatalogueError on the first fault, naming file and entry."""
    content = Content(
        rows=read_requirements(data / "requirements.jsonl"),
        regions=_named(Regions.load, data / "regions.csv"),
        terms=read_terms(data),
        faqs=[f for f in _named(read_faqs, data / "faqs.yml") if f.state == "published"],
        conflicts=_named(_read_conflicts, data / "conflicts.yml"),
        complete=_named(_read_complete, data / "edition.yml"),
    )
    check_references(content)
    return content


def _named(read: Callable[[Path], T], path: Path) -> T:
    try:
        return read(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise CatalogueError(f"{path.name}: cannot be read ({type(error).__name__}: {error})") from None


def _read_conflicts(path: Path) -> list[dict[str, Any]]:
    conflicts = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return [{"rows": list(c["rows"]), "prevails": c["prevails"]} for c in conflicts]


def _read_complete(path: Path) -> list[dict[str, str]]:
    entries = yaml.safe_load(path.read_text(encoding="utf-8")).get("complete") or []
    return [{name: str(e[name]) for name in ("region_code", "sector", "basis")} for e in entries]


def read_label(data: Path) -> dict[str, str]:
    """Return `edition` and `published_at` of the data folder. Raises CatalogueError if one is missing."""
    path = data / "edition.yml"
    try:
        edition = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: str(edition[name]) for name in ("edition", "published_at")}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CatalogueError(f"{path.name}: needs edition and published_at ({error})") from None


def folder_hash(data: Path) -> str:
    """Return a hash of all files that the data folder is read from."""
    digest = hashlib.sha256()
    # search.yml weighs what is found; it says nothing.
    read = (p for p in data.rglob("*") if p.suffix in (".jsonl", ".csv", ".yml") and p.name != "search.yml")
    for path in sorted(read):
        digest.update(path.relative_to(data).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def check_references(content: Content) -> None:
    """Raise CatalogueError for the first reference to a row or region that is not there."""
    ids = {r.id for r in content.rows}
    for row in content.rows:
        if row.region_code not in content.regions:
            raise CatalogueError(f"{row.id}: no region has the code {row.region_code}")
        for other in row.see_also:
            if other not in ids:
                raise CatalogueError(f"{row.id}: see_also names {other}, which is not there")
    for term in content.terms:
        for other in term.requirements:
            if other not in ids:
                raise CatalogueError(f"{term.kind} {term.name}: names {other}, which is not there")
    for conflict in content.conflicts:
        for other in (*conflict["rows"], conflict["prevails"]):
            if other not in ids:
                raise CatalogueError(f"conflicts.yml: names {other}, which is not there")
    for entry in content.complete:
        if entry["region_code"] not in content.regions:
            raise CatalogueError(f"edition.yml: no region has the code {entry['region_code']}")


def of_today(content: Content) -> Content:
    """Return the content with codes of the past made today's in rows and FAQs, and the names that went with them."""
    regions = content.regions
    old = {f.old_code: f.old_name for f in regions.former if regions.is_former(f.old_code)}
    if not old.keys() & ({r.region_code for r in content.rows} | {f.region_code for f in content.faqs}):
        return content
    rows = []
    for row in content.rows:
        if row.region_code in old:
            today = regions.get(row.region_code)
            name = today.name if row.region == old[row.region_code] else row.region
            row = replace(row, region_code=today.code, region=name)
        rows.append(row)
    faqs = [
        replace(f, region_code=regions.get(f.region_code).code) if f.region_code in old else f
        for f in content.faqs
    ]
    return replace(content, rows=rows, faqs=faqs)


# --- comparing and hashing ------------------------------------------------------------------------------------------


def subjects(content: Content) -> dict[tuple[str, str], Any]:
    """Return every thing of the content that changes as a whole, by (kind, key); `plain` turns each into JSON values."""
    found: dict[tuple[str, str], Any] = {("row", r.id): r for r in content.rows}
    found.update({(t.kind, t.name): t for t in content.terms})
    found.update({("faq", f.id): f for f in content.faqs})
    found.update({("region", c): content.regions.get(c) for c in content.regions.codes()})
    others = {
        "former": sorted(astuple(f) for f in content.regions.former),
        "conflict": sorted((sorted(c["rows"]), c["prevails"]) for c in content.conflicts),
        "complete": sorted((c["region_code"], c["sector"], c["basis"]) for c in content.complete),
    }
    # What is empty is left out, so that an old edition's hash outlives the tables that are added later.
    found.update({(kind, ""): value for kind, value in others.items() if value})
    return found


def plain(value: Any) -> Any:
    """Return a thing of `subjects` as JSON values."""
    if isinstance(value, Requirement):
        return value.json()
    if isinstance(value, Term):
        return {
            "aliases": list(value.aliases),
            "cues": [written_cue(c) for c in value.cues],
            "rows": list(value.requirements),
            "generic": value.generic,
        }
    if isinstance(value, Faq):
        return {**asdict(value), "variants": list(value.variants), "sources": list(value.sources)}
    return asdict(value) if isinstance(value, Region) else {"": [list(v) for v in value]}


def content_hash(content: Content) -> str:
    """Return a SHA-256 over all that the content says, the same however it was loaded."""
    digest = hashlib.sha256()
    for key, value in sorted(subjects(content).items(), key=lambda pair: pair[0]):
        digest.update(json.dumps([key, plain(value)], ensure_ascii=False, sort_keys=True).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Change:
    """One thing that was added, changed or removed; `fields` holds [old, new] by field, of an added thing nothing."""

    kind: str
    subject: str
    what: str
    fields: dict[str, list[Any]] = field(default_factory=dict)


def compare(before: Mapping[tuple[str, str], Any], after: Mapping[tuple[str, str], Any]) -> list[Change]:
    """Return what leads from one result of `subjects` to another."""
    changes = []
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) == after.get(key):
            continue
        if key not in before:
            changes.append(Change(*key, "added"))
            continue
        old, new = plain(before[key]), plain(after[key]) if key in after else {}
        pairs = {n: [old.get(n), new.get(n)] for n in sorted(old.keys() | new.keys())}
        what = "changed" if key in after else "removed"
        changes.append(Change(*key, what, {n: p for n, p in pairs.items() if p[0] != p[1]}))
    return changes


# --- the tables -----------------------------------------------------------------------------------------------------

# One table a kind of row: a held document is no proof, and a general rule is no requirement at all.
ROW_TABLES = {"proof": "requirement", "document_held": "held_document", "general_rule": "general_rule"}
# In the order in which they can be filled.
CONTENT_TABLES = [
    "region", "former_region", "authority", *ROW_TABLES.values(), "row_alias", "row_path", "row_condition", "row_asked", "legal_basis", "see_also", "source",
    "conflict", "completeness", "term", "term_alias", "term_cue", "term_row", "faq",
]  # fmt: skip
_CHILDREN = (
    ("row_alias", "alias", "aliases"),
    ("row_path", "path", "paths"),
    ("row_condition", "condition", "conditions"),
    ("row_asked", "wording", "asked_as"),
    ("see_also", "other", "see_also"),
)
_PLAIN = [
    "id", "proof", "matter", "sector", "region_code", "region", "status", "replacement", "data_source", "confidence",
    "conflict", "note", "guide", "valid_from", "valid_until",
]  # fmt: skip
_BATCH = 2000


def _cue(pattern: str) -> Cue:
    return tuple(tuple(part.split("/")) for part in pattern.split("+"))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    source = iter(items)
    while batch := list(itertools.islice(source, _BATCH)):
        yield batch


def put_rows(connection: sqlite3.Connection, rows: Iterable[Requirement]) -> None:
    """Write rows with all that belongs to them; rows of the same ids are replaced. The caller holds the transaction."""
    execute = connection.executemany
    ids = {name: number for number, name in connection.execute("select id, name from authority")}
    for batch in _batches(rows):
        drop_rows(connection, [r.id for r in batch])
        names = {n for r in batch for n in (r.demanding_authority, r.issuing_authority) if n} - ids.keys()
        for name in sorted(names):
            ids[name] = connection.execute("insert into authority(name) values (?)", (name,)).lastrowid
        for kind, table in ROW_TABLES.items():
            columns = [*_PLAIN, "inferred", "demanding_authority", "issuing_authority"]
            marks = ", ".join("?" for _ in columns)
            execute(
                f"insert into {table} ({', '.join(columns)}) values ({marks})",
                [
                    (
                        *(getattr(r, n) for n in _PLAIN),
                        json.dumps(r.inferred, ensure_ascii=False),
                        ids.get(r.demanding_authority),
                        ids.get(r.issuing_authority),
                    )
                    for r in batch
                    if r.kind == kind
                ],
            )
        for table, _column, name in _CHILDREN:
            execute(
                f"insert into {table} values (?, ?, ?)",
                [(r.id, n, v) for r in batch for n, v in enumerate(getattr(r, name))],
            )
        execute(
            "insert into legal_basis values (?, ?, ?)",
            [
                (r.id, n, line)
                for r in batch
                if r.legal_basis
                for n, line in enumerate(r.legal_basis.split("\n"))
            ],
        )
        execute(
            "insert into source values (?, 0, ?, ?, ?, ?, ?)",
            [
                (r.id, r.source_title, r.source_url, r.source_date, r.source_kind, r.checked_at)
                for r in batch
                if r.source_title or r.source_url or r.source_date or r.source_kind or r.checked_at
            ],
        )


def drop_rows(connection: sqlite3.Connection, ids: list[str]) -> None:
    """Remove rows and all that belongs to them; terms keep their links. The caller holds the transaction."""
    execute = connection.executemany
    keys = [(i,) for i in ids]
    for table in ROW_TABLES.values():
        execute(f"delete from {table} where id = ?", keys)
    for table in (*(t for t, _, _ in _CHILDREN), "legal_basis"):
        execute(f"delete from {table} where row_id = ?", keys)
    execute("delete from source where owner = ?", keys)


def put_terms(connection: sqlite3.Connection, terms: Iterable[Term], origin: str) -> None:
    """Write terms; an alias that a term has already keeps its origin, a new one gets `origin`."""
    execute = connection.executemany
    for batch in _batches(terms):
        keys = [(t.kind, t.name) for t in batch]
        known: dict[tuple[str, str, str], str] = {}
        for key in keys:
            for alias, held in connection.execute(
                "select alias, origin from term_alias where kind = ? and name = ?", key
            ):
                known[key[0], key[1], alias] = held
        drop_terms(connection, keys)
        execute("insert into term values (?, ?, ?)", [(t.kind, t.name, t.generic) for t in batch])
        execute(
            "insert into term_alias values (?, ?, ?, ?, ?)",
            [
                (t.kind, t.name, n, a, known.get((t.kind, t.name, a), origin))
                for t in batch
                for n, a in enumerate(t.aliases)
            ],
        )
        execute(
            "insert into term_cue values (?, ?, ?, ?)",
            [(t.kind, t.name, n, written_cue(c)) for t in batch for n, c in enumerate(t.cues)],
        )
        execute(
            "insert into term_row values (?, ?, ?, ?)",
            [(t.kind, t.name, n, r) for t in batch for n, r in enumerate(t.requirements)],
        )


def drop_terms(connection: sqlite3.Connection, keys: list[tuple[str, str]]) -> None:
    """Remove terms given by (kind, name). The caller holds the transaction."""
    for table in ("term", "term_alias", "term_cue", "term_row"):
        connection.executemany(f"delete from {table} where kind = ? and name = ?", keys)


def put_faqs(connection: sqlite3.Connection, faqs: Iterable[Faq]) -> None:
    """Write versions of FAQs; the same version is replaced. The caller holds the transaction."""
    for faq in faqs:
        record = asdict(faq)
        record["variants"] = json.dumps(faq.variants, ensure_ascii=False)
        record["sources"] = json.dumps(faq.sources, ensure_ascii=False)
        columns = ", ".join(record)
        marks = ", ".join("?" for _ in record)
        connection.execute(f"insert or replace into faq ({columns}) values ({marks})", list(record.values()))


def put_regions(connection: sqlite3.Connection, regions: Regions) -> None:
    """Write the region tree in place of what is there. The caller holds the transaction."""
    execute = connection.executemany
    rows = sorted((regions.get(c) for c in regions.codes()), key=lambda r: (r.parent is not None, r.code))
    execute(
        "insert into region values (?, ?, ?) on conflict(code) do update set name = excluded.name, parent = excluded.parent",
        [(r.code, r.name, r.parent) for r in rows],
    )
    connection.execute("delete from former_region")
    execute(
        "insert into former_region values (?, ?, ?, ?, ?, ?, ?)",
        [
            (n, f.old_code, f.old_name, f.code, f.since, f.source, f.note)
            for n, f in enumerate(regions.former)
        ],
    )


def put_rest(
    connection: sqlite3.Connection, conflicts: list[dict[str, Any]], complete: list[dict[str, str]]
) -> None:
    """Write conflicts and claims of completeness in place of what is there. The caller holds the transaction."""
    connection.execute("delete from conflict")
    connection.executemany(
        "insert into conflict values (?, ?)", [(r, c["prevails"]) for c in conflicts for r in c["rows"]]
    )
    connection.execute("delete from completeness")
    connection.executemany(
        "insert into completeness values (?, ?, ?)",
        [(c["region_code"], c["sector"], c["basis"]) for c in complete],
    )


def read_rows(connection: sqlite3.Connection, ids: Iterable[str] | None = None) -> dict[str, Requirement]:
    """Return rows by id, all of them or those of `ids` that are there."""
    some = None if ids is None else list(ids)
    if some is not None and len(some) > 500:
        found: dict[str, Requirement] = {}
        for start in range(0, len(some), 500):
            found.update(read_rows(connection, some[start : start + 500]))
        return found
    marks = "" if some is None else f" in ({', '.join('?' for _ in some)})"
    arguments = some or []

    def select(sql: str, column: str) -> Iterator[tuple[Any, ...]]:
        return connection.execute(sql.format(f" where {column}{marks}" if marks else ""), arguments)

    lists: dict[str, dict[str, list[str]]] = {}
    for table, column, name in (*_CHILDREN, ("legal_basis", "basis", "legal_basis")):
        held: dict[str, list[str]] = {}
        for row_id, value in select(
            f"select row_id, {column} from {table}{{}} order by row_id, rank", "row_id"
        ):
            held.setdefault(row_id, []).append(value)
        lists[name] = held
    sources = {
        s[0]: s[1:]
        for s in select(
            "select owner, title, url, date, kind, checked_at from source{} order by owner", "owner"
        )
    }
    authorities = dict(connection.execute("select id, name from authority"))
    rows: dict[str, Requirement] = {}
    columns = ", ".join(_PLAIN)
    for kind, table in ROW_TABLES.items():
        sql = f"select inferred, demanding_authority, issuing_authority, {columns} from {table}{{}}"
        for inferred, demanding, issuing, *plain in select(sql, "id"):
            row_id = plain[0]
            title, url, date, source_kind, checked_at = sources.get(row_id, ("",) * 5)
            listed: dict[str, Any] = {n: tuple(lists[n].get(row_id, ())) for _, _, n in _CHILDREN}
            rows[row_id] = Requirement(
                kind=kind,
                inferred=tuple(json.loads(inferred)),
                demanding_authority=authorities.get(demanding, ""),
                issuing_authority=authorities.get(issuing, ""),
                source_title=title,
                source_url=url,
                source_date=date,
                source_kind=source_kind,
                checked_at=checked_at,
                legal_basis="\n".join(lists["legal_basis"].get(row_id, [])),
                **listed,
                **dict(zip(_PLAIN, plain, strict=True)),
            )
    return dict(sorted(rows.items()))


def read_tables_terms(connection: sqlite3.Connection) -> list[Term]:
    """Return all terms."""

    def gather(sql: str) -> dict[tuple[str, str], list[str]]:
        held: dict[tuple[str, str], list[str]] = {}
        for kind, name, value in connection.execute(sql):
            held.setdefault((kind, name), []).append(value)
        return held

    aliases = gather("select kind, name, alias from term_alias order by kind, name, rank")
    cues = gather("select kind, name, pattern from term_cue order by kind, name, rank")
    # Joined by SQLite: there are as many links as rows, twice.
    rows = {
        (kind, name): joined.split()
        for kind, name, joined in connection.execute(
            "select kind, name, group_concat(row_id, ' ') from "
            "(select kind, name, row_id from term_row order by kind, name, rank) group by kind, name"
        )
    }
    return [
        Term(
            kind=kind,
            name=name,
            aliases=tuple(aliases.get((kind, name), ())),
            cues=tuple(_cue(p) for p in cues.get((kind, name), ())),
            requirements=tuple(rows.get((kind, name), ())),
            generic=bool(generic),
        )
        for kind, name, generic in connection.execute("select kind, name, generic from term")
    ]


def read_tables_faqs(connection: sqlite3.Connection) -> list[Faq]:
    """Return every version of every FAQ, oldest first."""
    columns = list(Faq.__dataclass_fields__)
    return [
        Faq(
            **{
                **dict(zip(columns, record, strict=True)),
                "variants": tuple(json.loads(record[columns.index("variants")])),
                "sources": tuple(json.loads(record[columns.index("sources")])),
                "unverified": bool(record[columns.index("unverified")]),
            }
        )
        for record in connection.execute(f"select {', '.join(columns)} from faq order by id, version")
    ]


def read_tables(connection: sqlite3.Connection) -> Content:
    """Return the content that the tables hold, of FAQs the published versions."""
    conflicts: dict[str, list[str]] = {}
    for row_id, prevails in connection.execute("select row_id, prevails from conflict order by row_id"):
        conflicts.setdefault(prevails, []).append(row_id)
    return Content(
        rows=list(read_rows(connection).values()),
        regions=read_tables_regions(connection),
        terms=read_tables_terms(connection),
        faqs=[f for f in read_tables_faqs(connection) if f.state == "published"],
        conflicts=[{"rows": rows, "prevails": prevails} for prevails, rows in conflicts.items()],
        complete=[
            {"region_code": r, "sector": s, "basis": b}
            for r, s, b in connection.execute("select region_code, sector, basis from completeness")
        ],
    )


def read_tables_regions(connection: sqlite3.Connection) -> Regions:
    """Return the region tree."""
    former = "select old_code, old_name, code, since, source, note from former_region order by rank"
    return Regions(
        [Region(*r) for r in connection.execute("select code, name, parent from region")],
        former=[Former(*f) for f in connection.execute(former)],
    )


def with_rows(content: Content, rows: list[Requirement]) -> Content:
    """Return the content with `rows` put in by id, linked to the terms of their names.

    A row joins the proof (matter) that has its proof's (matter's) name or alias; where none has, a new one is made of the
    name. A row that keeps its names keeps its terms.
    """
    held = {r.id: r for r in content.rows}
    renamed = {
        r.id
        for r in rows
        if r.id in held and (r.short_proof, r.matter) != (held[r.id].short_proof, held[r.id].matter)
    }
    held.update({r.id: r for r in rows})
    terms = {(t.kind, t.name): t for t in content.terms}
    named: dict[tuple[str, str], tuple[str, str]] = {}
    linked = set()
    for key, term in terms.items():
        if renamed & set(term.requirements):
            kept = tuple(r for r in term.requirements if r not in renamed)
            terms[key] = term = replace(term, requirements=kept)
        for name in (term.name, *term.aliases):
            named.setdefault((term.kind, canonical(name)), key)
        linked |= {(term.kind, r) for r in term.requirements}
    joined: dict[tuple[str, str], list[str]] = {}
    forms: dict[str, str] = {}
    for row in rows:
        if row.kind == "general_rule":
            continue
        for kind, name in (("proof", row.short_proof), ("matter", row.matter)):
            if (kind, row.id) not in linked:
                form = forms.get(name) or forms.setdefault(name, canonical(name))
                key = named.setdefault((kind, form), (kind, name))
                joined.setdefault(key, []).append(row.id)
    for key, ids in joined.items():
        term = terms.get(key) or Term(*key, aliases=(), cues=(), requirements=())
        terms[key] = replace(term, requirements=(*term.requirements, *ids))
    return replace(content, rows=list(held.values()), terms=list(terms.values()))


def changed(content: Content, rows: list[Requirement], gone: set[str]) -> Content:
    """Return the content with `rows` put in as `with_rows` does, and without the rows of `gone`."""
    return _without(with_rows(content, rows), gone)


def _without(content: Content, gone: set[str]) -> Content:
    """Return the content without the rows of `gone`, and without what refers to them."""
    if not gone:
        return content
    return replace(
        content,
        rows=[
            replace(r, see_also=tuple(i for i in r.see_also if i not in gone))
            if gone & set(r.see_also)
            else r
            for r in content.rows
            if r.id not in gone
        ],
        terms=[
            replace(t, requirements=tuple(i for i in t.requirements if i not in gone))
            if gone & set(t.requirements)
            else t
            for t in content.terms
        ],
        conflicts=[
            c for c in content.conflicts if c["prevails"] not in gone and len(set(c["rows"]) - gone) > 1
        ],
    )
