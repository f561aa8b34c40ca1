"""Opening the casebook: keys, tables, two processes, and a process that is killed in the middle."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from bot.casebook import tables
from bot.casebook.casebook import CasebookError, CaseFilter, open_casebook
from bot.casebook.sealing import Key, Sealer, key_file, new_key

from ...support import ROOT, wait_for
from .support import ANSWERS, NOTICE, REQUIREMENT, filled


def test_a_first_start_here_makes_a_key_that_only_its_owner_may_read(settings):
    open_casebook(settings).close()
    file = key_file(settings)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    open_casebook(settings).close()
    assert file.read_text() == before
    assert before.strip() not in repr(dataclasses.replace(settings, casebook_keys=(before.strip(),)))


def test_many_first_starts_at_once_make_one_key_and_one_set_of_tables(settings):
    start, owners, failed = threading.Barrier(8), [], []

    def begin():
        start.wait()
        try:
            book = open_casebook(settings)
            owners.append(book.owner_of("s"))
            book.close()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed and len(owners) == 8 and len(set(owners)) == 1
    assert [p.name for p in settings.data.glob("casebook.key*")] == ["casebook.key"]


@pytest.mark.parametrize(
    "elsewhere", [{"host": "0.0.0.0"}, {"casebook_url_given": "postgresql://nowhere/book"}]
)
def test_elsewhere_a_missing_key_is_refused(settings, elsewhere):
    with pytest.raises(CasebookError, match="MIANZHENG_CASEBOOK_KEY is missing"):
        open_casebook(dataclasses.replace(settings, **elsewhere))
    assert not key_file(settings).exists()


def test_a_key_that_others_may_read_is_refused(settings):
    open_casebook(settings).close()
    key_file(settings).chmod(0o640)
    with pytest.raises(CasebookError, match="may be read by others"):
        open_casebook(settings)


def test_a_lost_key_is_not_replaced_by_a_new_one_in_silence(settings):
    open_casebook(settings).close()
    key_file(settings).unlink()
    with pytest.raises(CasebookError, match="sealed with another key"):
        open_casebook(settings)


@pytest.mark.parametrize("text_", ["short", "!" * 44, "", "k" * 36, "键" * 44])
def test_what_is_no_key_is_refused_without_being_shown(settings, text_):
    with pytest.raises(CasebookError) as error:
        open_casebook(dataclasses.replace(settings, casebook_keys=(text_,)))
    assert "not a key" in str(error.value) and (not text_ or text_ not in str(error.value))


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "postgresql://tester@127.0.0.1:1/none", "sqlite:////proc/none/x.db"],
)
def test_a_database_that_cannot_be_used_is_one_sentence(settings, url):
    with pytest.raises((CasebookError, OSError)) as error:
        open_casebook(dataclasses.replace(settings, casebook_url_given=url, casebook_keys=(new_key(),)))
    assert "\n" not in str(error.value)


def test_a_seal_fits_its_place_only_and_breaks_when_changed():
    sealer = Sealer([Key.parse(new_key(), "test")])
    sealed = sealer.seal(b"secret", "pledges/A")
    assert sealer.open(sealed, "pledges/A") == b"secret" and b"secret" not in sealed
    assert sealer.seal(b"secret", "pledges/A") != sealed
    for at in (5, 20, len(sealed) - 1):
        with pytest.raises(CasebookError, match="broken"):
            sealer.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "pledges/A")
    with pytest.raises(CasebookError, match="broken"):
        sealer.open(sealed, "pledges/B")
    with pytest.raises(CasebookError, match="not in MIANZHENG_CASEBOOK_KEY"):
        Sealer([Key.parse(new_key(), "test")]).open(sealed, "pledges/A")
    assert sealer.lookup(" 33010619900307007x") == sealer.lookup("33010619900307007X")


def test_the_migrations_make_exactly_the_tables_that_are_used(casebook):
    def ours(kind, name, *_):
        return not (kind == "table" and name == "alembic_version")

    with casebook._book.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": lambda o, n, t, r, c: ours(t, n)}
        )
        assert compare_metadata(context, tables.metadata) == []
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "0003"


# A process of its own that says each thing after the casebook has confirmed it.
_WRITER = """
import sys
from bot.casebook.casebook import open_casebook
from bot.settings import read_settings
book = open_casebook(read_settings())
reference = sys.argv[1]
for number in range(100000):
    book.pledges.set_field(reference, "facts", f"answer {number}")
    print(number, flush=True)
"""
_SUBMITTER = """
import sys
from bot.casebook.casebook import open_casebook
from bot.settings import read_settings
book = open_casebook(read_settings())
print("ready", flush=True)
for line in sys.stdin:
    print(book.pledges.submit(line.strip()).code, flush=True)
"""


def run_apart(code, settings, *arguments):
    environment = {
        **os.environ,
        "MIANZHENG_DATA": str(settings.data),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'catalogue'}",
    }
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("after", [0.05, 0.21, 0.4])
def test_kill_9_while_answers_are_kept_loses_no_confirmed_one(local, settings, after):
    draft = local.pledges.start(local.owner_of("s"), REQUIREMENT, "330106", NOTICE)
    writer = run_apart(_WRITER, settings, draft.reference)
    assert writer.stdout.readline() == "0\n"
    time.sleep(after)
    writer.send_signal(signal.SIGKILL)
    said = [0, *(int(line) for line in writer.stdout.read().splitlines())]
    writer.wait(10)
    kept = int(local.pledges.get(draft.reference).fields["facts"].removeprefix("answer "))
    assert kept in (said[-1], said[-1] + 1)  # the last may be on disk and not yet said
    assert local.pledges.open_draft(local.owner_of("s")).reference == draft.reference


@pytest.mark.parametrize("after", [0.1, 0.6, 1.2, 2.0])
def test_kill_9_while_a_letter_is_made_leaves_one_letter_or_a_whole_draft(local, settings, after):
    pledge = filled(local)
    submitter = run_apart(_SUBMITTER, settings)
    assert submitter.stdout.readline() == "ready\n"
    submitter.stdin.write(pledge.reference + "\n")
    submitter.stdin.flush()
    time.sleep(after)
    submitter.send_signal(signal.SIGKILL)
    said = submitter.stdout.read().strip()
    submitter.wait(10)
    found = local.pledges.get(pledge.reference)
    assert found.fields == ANSWERS and found.state in ("draft", "submitted")
    letter = local.pledges.submit(pledge.reference)
    assert not said or said == letter.code
    assert local.pledges.check_file(local.pledges.document(pledge.reference, "pdf", secret=letter.secret))


def test_two_processes_submitting_at_once_make_one_letter(local, settings):
    pledge = filled(local)
    both = [run_apart(_SUBMITTER, settings) for _ in range(2)]
    try:
        assert [p.stdout.readline() for p in both] == ["ready\n"] * 2
        for process in both:
            process.stdin.write((pledge.reference + "\n") * 5)
            process.stdin.flush()
        codes = [p.stdout.readline().strip() for p in both for _ in range(5)]
    finally:
        for process in both:
            process.stdin.close()
            process.wait(30)
    assert len(codes) == 10 and set(codes) == {local.pledges.submit(pledge.reference).code}


def test_a_writer_waits_for_another_and_does_not_fail(local):
    draft = local.pledges.start(local.owner_of("s"), REQUIREMENT, "330106", NOTICE)
    done = []
    with local._book.writing():
        thread = threading.Thread(
            target=lambda: done.append(local.pledges.set_field(draft.reference, "name", "王"))
        )
        thread.start()
        time.sleep(0.3)
        assert not done
        assert local.pledges.get(draft.reference).fields == {}  # readers do not wait
    thread.join(20)
    assert wait_for(lambda: done, 5) and json.dumps(done[0].fields) == json.dumps({"name": "王"})


@pytest.mark.parametrize(
    "wanted", [CaseFilter(), CaseFilter(state="submitted"), CaseFilter(state="draft", region="330100")]
)
def test_a_far_page_is_chosen_from_an_index_alone_and_needs_no_sorting(local, wanted):
    statements = []
    event.listen(local._book.engine, "before_cursor_execute", lambda *a: statements.append((a[2], a[3])))
    local.pledges.page(wanted, number=150)
    chosen = next(s for s in statements if "OFFSET" in s[0])
    with local._book.reading() as connection:
        plan = " / ".join(
            row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {chosen[0]}", chosen[1])
        )
    assert "COVERING INDEX" in plan and "TEMP B-TREE" not in plan
