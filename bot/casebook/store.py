"""What all parts of the casebook stand on: the database, its keys, reference numbers, the audit trail, pages of a list."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Table, create_engine, event, func, insert, select, text
from sqlalchemy.engine import Connection, Engine, Row, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

from ..settings import Settings
from . import tables
from .errors import CasebookError, CaseError
from .sealing import Sealer, read_keys

Clock = Callable[[], datetime]
T = TypeVar("T")

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
MOST_ON_PAGE = 200
BUSY_SECONDS = 15
CITIZEN = "citizen"
JOB = "job"
# Letters and digits that are not taken for one another when read aloud or copied by hand.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
PREFIXES = {
    "pledges": "CN",
    "verifications": "HC",
    "demand_reports": "JB",
    "callbacks": "HH",
    "feedback": "FK",
    "unanswered": "WD",
    "credit_records": "XY",
    "open_forms": "BD",
    "notifications": "TZ",
}
_REFERENCE = re.compile(
    rf"(?<![0-9A-Z])({'|'.join(PREFIXES.values())})[\s-]*(\d{{6}})[\s-]*([0-9A-Z]{{6}})(?![0-9A-Z])"
)
_KEY_CHECK = b"this casebook opens"


def utc_now() -> datetime:
    """Return the present moment with its zone."""
    return datetime.now(timezone.utc)


def find_reference(said: str) -> str | None:
    """Return the reference number that stands in what a citizen said, as the casebook writes it, or None.

    Spaces, missing hyphens, full-width and small letters are forgiven.
    """
    flat = said.translate({0xFF01 + i: 0x21 + i for i in range(94)}).upper().replace("—", "-")
    found = _REFERENCE.search(flat)
    return f"{found[1]}{found[2]}-{found[3]}" if found else None


@dataclass(frozen=True)
class CaseFilter:
    """Which cases staff want to see; empty fields do not narrow. `region` is a GB/T 2260 code and holds those below it."""

    state: str | None = None
    region: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    requirement_id: str | None = None
    id_number: str | None = None  # pledges, verifications and credit records only
    overdue_at: datetime | None = None  # verifications only: open and due before this moment


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list, the most recently touched case first."""

    items: list[T]
    total: int
    number: int  # from 1
    size: int


def region_prefix(code: str) -> str:
    """Return the digits that the region `code` shares with all regions below it."""
    return re.sub(r"(00){1,3}$", "", code)


class Book:
    """An open casebook database. Safe to use from many threads and from several processes at once."""

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self.settings = settings
        self.clock = clock
        self.sealer: Sealer = read_keys(settings)
        self.engine = _engine(settings)
        try:
            with _only_one(self.engine, settings) as connection:
                _migrate(connection)
            self.salt = self._check_key()
        except DBAPIError as error:
            self.engine.dispose()
            raise CasebookError(
                f"the casebook's database cannot be used ({type(error.orig).__name__})"
            ) from None
        except CasebookError:
            self.engine.dispose()
            raise

    def _check_key(self) -> bytes:
        """Return the casebook's salt. Raises CasebookError if none of the keys is one that it was sealed with."""
        with self.writing() as connection:
            held = dict(connection.execute(select(tables.book.c.name, tables.book.c.value)).all())
            if "key_check" not in held:
                held = {"key_check": self.sealer.seal(_KEY_CHECK, "book"), "salt": secrets.token_bytes(32)}
                connection.execute(insert(tables.book), [{"name": n, "value": v} for n, v in held.items()])
        try:
            self.sealer.open(held["key_check"], "book")
        except CasebookError:
            raise CasebookError(
                "the casebook was sealed with another key; put its key into MIANZHENG_CASEBOOK_KEY "
                "or bring back the key file"
            ) from None
        return held["salt"]

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open one consistent view of the database."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open one change that is there as a whole and on disk when the block ends, or not at all."""
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def hold(self, connection: Connection, name: str) -> None:
        """Let one change at a time go on under `name`, until it ends; SQLite has one writer at a time anyway."""
        if self.engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))

    def now(self) -> datetime:
        """Return the present moment of this casebook's clock."""
        return self.clock()

    def owner_of(self, session_id: str) -> str:
        """Return the name under which the casebook knows a session or a channel's user, from which neither can be read."""
        return hashlib.sha256(self.salt + session_id.encode()).hexdigest()[:40]

    def place(self, table: Table, reference: str) -> str:
        """Return what a case's sealed fields are bound to."""
        return f"{table.name}/{reference}"

    def record(
        self, connection: Connection, actor: str, action: str, table: Table, reference: str, *detail: str
    ) -> None:
        """Write to the audit trail who did what to which case; `detail` holds names of fields and states only."""
        connection.execute(
            insert(tables.audit).values(
                at=self.now(),
                actor=actor,
                action=action,
                kind=table.name,
                reference=reference,
                detail=",".join(detail)[:200],
            )
        )

    def add(
        self, connection: Connection, table: Table, actor: str, sealed: dict[str, Any], **values: Any
    ) -> str:
        """Add a case with a fresh reference number and return that number."""
        now = self.now()
        day = now.astimezone(CHINA).strftime("%y%m%d")
        for _ in range(5):
            tail = "".join(secrets.choice(_ALPHABET) for _ in range(6))
            reference = f"{PREFIXES[table.name]}{day}-{tail}"
            taken = select(table.c.reference).where(table.c.reference == reference)
            if connection.execute(taken).first() is None:
                break
        if "sealed" in table.c:
            values["sealed"] = self.sealer.seal_fields(sealed, self.place(table, reference))
        connection.execute(
            insert(table).values(reference=reference, created_at=now, updated_at=now, **values)
        )
        self.record(connection, actor, "open", table, reference)
        return reference

    def row(self, connection: Connection, table: Table, reference: str, owner: str | None = None) -> Row:
        """Return a case's row, held against other changes. Raises CaseError if there is none, or it is another's."""
        wanted = select(table).where(table.c.reference == reference).with_for_update()
        if owner is not None:
            wanted = wanted.where(table.c.owner == owner)
        row = connection.execute(wanted).first()
        if row is None:
            raise CaseError("unknown_reference")
        return row

    def change(
        self,
        connection: Connection,
        table: Table,
        reference: str,
        actor: str,
        action: str,
        *detail: str,
        **values: Any,
    ) -> None:
        """Change a case and write it to the audit trail."""
        changed = table.update().where(table.c.reference == reference)
        connection.execute(changed.values(**{"updated_at": self.now(), **values}))
        self.record(connection, actor, action, table, reference, *detail)

    def conditions(self, table: Table, wanted: CaseFilter) -> list[Any]:
        """Return the filter as SQL conditions on `table`."""
        found = []
        if wanted.state:
            found.append(table.c.state == wanted.state)
        if wanted.region and region_prefix(wanted.region):
            prefix = region_prefix(wanted.region)
            # Digits only, so that no collation changes the order.
            found.append(table.c.region.between(prefix.ljust(6, "0"), prefix.ljust(6, "9")))
        if wanted.since:
            found.append(table.c.created_at >= wanted.since)
        if wanted.until:
            found.append(table.c.created_at < wanted.until)
        if wanted.requirement_id:
            found.append(table.c.requirement_id == wanted.requirement_id)
        if wanted.id_number:
            found.append(table.c.id_hash.in_(self.sealer.lookups(wanted.id_number)))
        return found

    def page(
        self,
        table: Table,
        conditions: list[Any],
        number: int,
        size: int,
        make: Callable[[Row], T],
        order: list[Any] | None = None,
    ) -> Page[T]:
        """Return one page of `table`. Raises CaseError for a page number or size that cannot be."""
        if number < 1 or not 1 <= size <= MOST_ON_PAGE:
            raise CaseError("bad_value", "page")
        by = [*(order or [table.c.updated_at.desc()]), table.c.reference.desc()]
        chosen = select(table.c.reference).where(*conditions).order_by(*by)
        columns = [c for c in table.c if c.name not in ("pdf", "docx", "photo")]
        with self.reading() as connection:
            total = connection.execute(
                select(func.count()).select_from(table).where(*conditions)
            ).scalar_one()
            # Numbers first, cases after: what is passed over is never read.
            numbers = connection.execute(chosen.limit(size).offset((number - 1) * size)).scalars().all()
            found = connection.execute(
                select(*columns).where(table.c.reference.in_(numbers)).order_by(*by)
            ).all()
        return Page([make(row) for row in found], total, number, size)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def once(write: Callable[[], T], read: Callable[[], T | None]) -> T:
    """Return what `write` makes; where another was first and the database refused, what `read` then finds."""
    try:
        return write()
    except IntegrityError:
        found = read()
        if found is None:
            raise
        return found


def _engine(settings: Settings) -> Engine:
    try:
        url = make_url(settings.casebook_url)
    except ArgumentError:
        raise CasebookError("MIANZHENG_CASEBOOK_URL is no database address") from None
    if url.get_backend_name() != "sqlite":
        return create_engine(url, future=True, pool_pre_ping=True, hide_parameters=True)
    if not url.database or url.database == ":memory:":
        raise CasebookError("the casebook needs a file: two processes share it")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        future=True,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        pool_size=8,
        max_overflow=24,
        poolclass=QueuePool,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        # FULL: a confirmed answer is on disk before the next question is asked.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns writer half-way fails at once where another writes; so writers say so first.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextlib.contextmanager
def _only_one(engine: Engine, settings: Settings) -> Iterator[Connection]:
    """Hold the lock under which one process at a time brings the tables up to date."""
    if engine.dialect.name == "sqlite":
        lock = Path(f"{engine.url.database}.lock")
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                yield connection
        return
    with engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(718293)"))
        yield connection


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
