"""The tables of the catalogue, as recorded migrations (sqlite-utils): what an edition holds, and what is kept about editions.

An edition's file holds the tables of CONTENT and what is made from them for reading; the draft (`draft.db`) holds CONTENT
and REGISTRY. Readers do without this module: it takes longer to load than an edition.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from .content import ROW_TABLES

CONTENT = Migrations("catalogue content")
REGISTRY = Migrations("catalogue registry")

_ROW = """
create table {table} (
    id text primary key,
    proof text not null,
    matter text not null,
    sector text not null,
    region_code text not null references region(code),
    region text not null,
    status text not null,
    demanding_authority integer references authority(id),
    issuing_authority integer references authority(id),
    replacement text not null,
    data_source text not null,
    confidence text not null,
    inferred text not null,
    conflict text not null,
    note text not null,
    guide text not null,
    valid_from text not null check (valid_from = '' or valid_from glob '????-??-??'),
    valid_until text not null check (valid_until = '' or valid_until >= valid_from)
);
create index {table}_region on {table}(region_code);
"""


@CONTENT()
def regions_and_rows(database: Database) -> None:
    """Regions, authorities, the three kinds of rows and what belongs to a row."""
    script = """
    create table region (code text primary key, name text not null, parent text references region(code));
    create table authority (id integer primary key, name text not null unique);
    """
    script += "".join(_ROW.format(table=table) for table in ROW_TABLES.values())
    for table, column in (
        ("row_alias", "alias"),
        ("row_path", "path"),
        ("row_condition", "condition"),
        ("legal_basis", "basis"),
        ("see_also", "other"),
    ):
        script += f"""
        create table {table} (
            row_id text not null, rank integer not null, {column} text not null, primary key (row_id, rank)
        ) without rowid;
        """
    script += """
    create table source (
        owner text not null, rank integer not null, title text not null, url text not null, date text not null,
        kind text not null, checked_at text not null, primary key (owner, rank)
    ) without rowid;
    create table conflict (row_id text primary key, prevails text not null);
    create table completeness (
        region_code text not null, sector text not null, basis text not null, primary key (region_code, sector)
    );
    """
    database.executescript(script)


@CONTENT()
def vocabulary_and_faqs(database: Database) -> None:
    """Proofs and matters as citizens call them, and the FAQs with all their versions."""
    database.executescript(
        """
        create table term (
            kind text not null check (kind in ('proof', 'matter')), name text not null, generic integer not null,
            primary key (kind, name)
        ) without rowid;
        create table term_alias (
            kind text not null, name text not null, rank integer not null, alias text not null, origin text not null,
            primary key (kind, name, rank)
        ) without rowid;
        create table term_cue (
            kind text not null, name text not null, rank integer not null, pattern text not null,
            primary key (kind, name, rank)
        ) without rowid;
        create table term_row (
            kind text not null, name text not null, rank integer not null, row_id text not null,
            primary key (kind, name, rank)
        ) without rowid;
        create index term_row_row on term_row(row_id);
        create table faq (
            id text not null, version integer not null, state text not null check (state in ('draft', 'published', 'retired')),
            topic text not null, question text not null, answer text not null, region_code text not null,
            unverified integer not null, valid_from text not null, valid_until text not null,
            variants text not null, sources text not null, primary key (id, version)
        );
        create unique index faq_published on faq(id) where state = 'published';
        """
    )


@CONTENT()
def former_regions(database: Database) -> None:
    """Codes and names of the past and the code of today that each leads to."""
    database.executescript(
        """
        create table former_region (
            rank integer primary key, old_code text not null, old_name text not null, code text not null references region(code),
            since text not null, source text not null, note text not null
        );
        """
    )


@CONTENT()
def what_citizens_say(database: Database) -> None:
    """How citizens ask about a row, in their own words."""
    database.executescript(
        """
        create table row_asked (
            row_id text not null, rank integer not null, wording text not null, primary key (row_id, rank)
        ) without rowid;
        """
    )


@REGISTRY()
def editions(database: Database) -> None:
    """What was published, which edition is in force, and every change with the edition that brought it."""
    database.executescript(
        """
        create table edition (
            number integer primary key, label text not null unique, hash text not null, author text not null,
            note text not null, published_at text not null, rows integer not null, file text not null,
            origin text not null, difference text not null
        );
        create table in_force (only integer primary key check (only = 1), number integer not null references edition(number));
        create table change (
            id integer primary key, at text not null, author text not null, kind text not null, subject text not null,
            what text not null, detail text not null, edition integer references edition(number)
        );
        create index change_subject on change(kind, subject);
        create index change_edition on change(edition);
        create table setting (name text primary key, value text not null);
        """
    )


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of an edition's file."""
    CONTENT.apply(Database(connection))
    _derived(connection)


def migrate(connection: sqlite3.Connection, registry: bool = True) -> bool:
    """Give a file that is there the tables that were added since, the register's too; return whether content's were behind."""
    database = Database(connection)
    behind = bool(CONTENT.pending(database))
    CONTENT.apply(database)
    if registry:
        REGISTRY.apply(database)
    return behind


def _derived(connection: sqlite3.Connection) -> None:
    """Make, in an edition's file, what readers use in place of joins.

    `row_json` holds each row as one JSON text, `whole` what is read at once when the file is opened (heads of rows, terms),
    `row_terms` the numbers of each row's terms in it; then the search tables.
    """
    connection.executescript(
        """
        create table row_json (id text primary key, json text not null) without rowid;
        create table row_terms (id text primary key, terms text not null) without rowid;
        create table whole (name text primary key, text text not null) without rowid;
        create table meta (key text primary key, value text not null) without rowid;
        create table search (id text not null, proof text not null, matter text not null, rest text not null, region text not null);
        """
    )
