"""A casebook on a real SQLite file, and the same on a real PostgreSQL server."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bot.casebook.casebook import Casebook, open_casebook
from bot.casebook.sealing import new_key
from bot.settings import Settings, read_settings

from ...support import free_ports, wait_for
from .support import HandClock


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server started for these tests, without a database name."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    binaries = found[-1] if found else Path(shutil.which("initdb") or "").parent
    if not (binaries / "initdb").exists():
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed; run tests/install.sh tools")
        pytest.skip("PostgreSQL is not installed; run tests/install.sh tools")
    home = Path(tempfile.mkdtemp(prefix="mianzheng-pg-"))
    as_user = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(home, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    port = free_ports(1)[0]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": home}
    make = [
        binaries / "initdb",
        "-D",
        home / "data",
        "-U",
        "tester",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    subprocess.run([*as_user, *make], check=True, **quiet)
    serve = [
        binaries / "postgres",
        "-D",
        home / "data",
        "-p",
        str(port),
        "-k",
        home,
        "-c",
        "listen_addresses=127.0.0.1",
    ]
    process = subprocess.Popen([*as_user, *serve], **quiet)
    address = f"postgresql://tester@127.0.0.1:{port}"
    try:
        probe = create_engine(f"{address}/postgres", future=True)

        def up() -> bool:
            try:
                with probe.connect() as connection:
                    return connection.execute(text("SELECT 1")).scalar_one() == 1
            except Exception:
                return False

        assert wait_for(up, 30), "PostgreSQL did not start"
        probe.dispose()
        yield address
    finally:
        stop = [binaries / "pg_ctl", "-D", home / "data", "stop", "-m", "immediate"]
        subprocess.run([*as_user, *stop], check=True, **quiet)
        process.wait(20)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def clock() -> HandClock:
    """Monday morning, 23 November 2026, in China."""
    return HandClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A first start on this machine: nothing there yet."""
    return dataclasses.replace(read_settings(), data=tmp_path / "var", host="127.0.0.1", casebook_keys=())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings for a fresh database of either kind."""
    if request.param == "sqlite":
        return settings
    address = request.getfixturevalue("postgres_server")
    name = "book_" + os.urandom(6).hex()
    maker = create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT")
    with maker.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    maker.dispose()
    return dataclasses.replace(settings, casebook_url_given=f"{address}/{name}", casebook_keys=(new_key(),))


@pytest.fixture
def casebook(database: Settings, clock: HandClock) -> Iterator[Casebook]:
    """An open casebook on either kind of database."""
    book = open_casebook(database, clock)
    yield book
    book.close()


@pytest.fixture
def local(settings: Settings, clock: HandClock) -> Iterator[Casebook]:
    """An open casebook on SQLite, for what does not depend on the database."""
    book = open_casebook(settings, clock)
    yield book
    book.close()
