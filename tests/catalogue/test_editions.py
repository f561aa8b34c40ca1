"""Drafts and editions: what is published stays, what is killed changes nothing, readers see whole editions."""

import contextlib
import dataclasses
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone

import pytest

from proof_catalogue import content as tables
from proof_catalogue import editions as module
from proof_catalogue.content import content_hash
from proof_catalogue.editions import Editions
from proof_catalogue.errors import CatalogueError
from proof_catalogue.faqs import Faq
from proof_catalogue.requirement import Requirement
from proof_catalogue.store import Catalogue, Current, open_edition

from .small import ROWS, read_rows, write_rows


def row(editions, row_id="F274", **changes):
    """A row of the draft with some fields changed."""
    held = next(r for r in editions.draft().rows if r.id == row_id)
    return dataclasses.replace(held, **changes)


def opened(editions, which=None):
    return Catalogue(editions.file(editions.get(which)))


def whole(editions, ids=ROWS):
    """Open the edition in force and use all of it."""
    edition = editions.get()
    with contextlib.closing(
        sqlite3.connect(f"file:{editions.file(edition)}?mode=ro", uri=True)
    ) as connection:
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
    held = opened(editions)
    assert set(held.rows) == set(ids)
    assert {held.rows[i].id for i in held.rows} == set(ids)
    assert held.near("公司注销要清税证明吗")["F274"] > 0.8
    assert "F274" in held.full_text("清税证明")
    assert content_hash(editions.frozen(edition)) == edition.hash == held.meta["hash"]
    return held


def test_what_ships_is_the_first_edition(editions, data, small_data):
    held = whole(editions)
    first = editions.get()
    assert (first.number, first.label, first.published_at) == (1, "2026.1", "2026-11-22T00:00:00Z")
    assert held.meta["edition"] == "2026.1"
    for record in read_rows(data):
        assert held.requirement(record["id"]).json() == record
    assert held.prevails == {"F215": "F215", "F217": "F215", "F218": "F215"}
    assert "F303" not in held.full_text("公共数据平台 材料")
    assert editions.pending() == []
    assert editions.install(small_data) == first
    with pytest.raises(CatalogueError, match="F999"):
        held.requirement("F999")


def test_an_edition_cannot_be_written_through_a_catalogue(editions):
    with pytest.raises(sqlite3.OperationalError):
        opened(editions)._connection.execute("delete from requirement")


def test_a_change_is_seen_only_when_it_is_published(editions):
    changes = editions.change("王", rows=[row(editions, note="改过")])
    assert [(c.subject, c.fields["note"][1]) for c in changes] == [("F274", "改过")]
    assert opened(editions).rows["F274"].note != "改过"
    assert [c.subject for c in editions.pending()] == ["F274"]
    second = editions.publish("王", "改了备注")
    assert (second.number, second.label[:5]) == (2, f"{datetime.now(timezone.utc).year}."[:5])
    assert second.difference == {"row": {"added": 0, "changed": 1, "removed": 0}}
    assert whole(editions).rows["F274"].note == "改过"
    assert opened(editions, 1).rows["F274"].note != "改过"
    newest, first = editions.history("row", "F274")
    assert (newest["edition"], newest["author"], newest["note"]) == (second.label, "王", "改了备注")
    assert newest["fields"]["note"][1] == "改过" and first["what"] == "added"
    with pytest.raises(CatalogueError, match="nothing to publish"):
        editions.publish("王", "noch einmal")


def test_rows_come_and_go_with_all_that_refers_to_them(editions):
    new = row(editions, id="F900", proof="全新证明", matter="全新的事", aliases=("新纸",), see_also=("F274",))
    editions.change("李", rows=[new, row(editions, see_also=("F155",))], remove=["F155"], origin="清单.xlsx")
    editions.publish("李", "一进一出")
    held = whole(editions, {*ROWS, "F900"} - {"F155"})
    assert held.rows["F274"].see_also == ()
    assert held.term["proof", "全新证明"].requirements == ("F900",)
    assert not any("F155" in t.requirements for t in held.terms)
    assert {"F900"} <= held.linker.link("办全新的事要全新证明吗").rows.keys()
    assert [e["what"] for e in editions.history("row", "F155")] == ["removed", "added"]
    assert editions.history("row", "F155")[0]["fields"]["proof"][0].startswith("失业登记")


def test_a_row_with_another_name_leaves_the_terms_of_the_old_one(editions):
    old = next(t for t in editions.draft().terms if t.kind == "proof" and "F274" in t.requirements)
    editions.change("李", rows=[row(editions, proof="税务结清证明")])
    terms = {(t.kind, t.name): t for t in editions.draft().terms}
    assert "F274" not in terms["proof", old.name].requirements
    assert terms["proof", "税务结清证明"].requirements == ("F274",)


def test_a_dangling_reference_changes_nothing(editions):
    with pytest.raises(CatalogueError, match="999999"):
        editions.change("李", rows=[row(editions, region_code="999999")])
    with pytest.raises(CatalogueError, match="F999"):
        editions.change("李", rows=[row(editions, note="x"), row(editions, "F064", see_also=("F999",))])
    assert editions.pending() == []


def test_back_to_an_earlier_edition_in_one_step(editions):
    editions.change("李", rows=[row(editions, note="falsch")], remove=["F155"])
    editions.publish("李", "zu schnell")
    editions.change("李", rows=[row(editions, note="auch das")])
    third = editions.roll_back("2026.1", "王", "撤回")
    assert third.number == 3 and third.hash == editions.get(1).hash and third.in_force
    assert whole(editions).rows["F274"].note == opened(editions, 1).rows["F274"].note
    assert editions.pending() == []
    with pytest.raises(CatalogueError, match="in force already"):
        editions.roll_back(3, "王")
    with pytest.raises(CatalogueError, match="no edition '77'"):
        editions.roll_back("77", "王")


def test_what_was_said_on_a_day(editions, folder):
    editions.change("李", rows=[row(editions, note="2030")])
    editions.publish("李", "später", at=datetime(2030, 5, 1, tzinfo=timezone.utc))
    assert editions.on("2026-11-22").number == 1 and editions.on("2030-04-30").number == 1
    assert editions.on("2030-05-01").number == 2
    assert open_edition(editions, said_on="2029-01-01")[0].rows["F274"].note != "2030"
    assert open_edition(editions)[0].rows["F274"].note == "2030"
    with pytest.raises(CatalogueError, match="2020-01-01"):
        editions.on("2020-01-01")


def test_new_shipped_data_is_published_unless_somebody_has_edited(editions, data):
    rows = read_rows(data)
    write_rows(data, [{**rows[0], "note": "neu geliefert"}, *rows[1:]])
    assert editions.install(data).number == 2
    assert whole(editions).rows[rows[0]["id"]].note == "neu geliefert"
    editions.change("李", rows=[row(editions, "F064", note="eigen")])
    write_rows(data, [{**rows[0], "note": "wieder neu"}, *rows[1:]])
    assert editions.install(data).number == 2
    assert [c.subject for c in editions.pending()] == ["F064"]
    editions.publish("李", "eigen")
    assert editions.install(data).number == 3


def test_broken_shipped_data_leaves_what_is_in_force(editions, data):
    (data / "conflicts.yml").write_text("- [")
    with pytest.raises(CatalogueError, match=r"conflicts\.yml"):
        editions.install(data)
    whole(editions)


def faq(**changes):
    """An FAQ of one's own."""
    told = Faq("Q900", "pledge", "问一句？", (), "答一句。", "330000", ({"title": "来源"},), False)
    return dataclasses.replace(told, **changes)


def test_an_faq_goes_from_draft_to_published_to_retired(editions):
    editions.change("张", faqs=[faq(state="draft")])
    assert editions.pending() == [] and "Q900" not in opened(editions).faqs
    editions.change("张", faqs=[faq()])
    editions.publish("张", "第一版")
    assert opened(editions).faqs["Q900"].answer == "答一句。"
    editions.change("张", faqs=[faq(state="draft", version=2, answer="改了。")])
    editions.change("张", faqs=[faq(version=2, answer="改了。")])
    editions.publish("张", "第二版")
    assert opened(editions).faqs["Q900"].version == 2
    states = {(f.version, f.state) for f in editions.faq_versions() if f.id == "Q900"}
    assert states == {(1, "retired"), (2, "published")}
    assert opened(editions).near("问一句？")["Q900"] > 0.99
    editions.change("张", faqs=[faq(version=2, answer="改了。", state="retired")])
    editions.publish("张", "撤下")
    assert "Q900" not in opened(editions).faqs
    editions.roll_back(2, "张")
    assert opened(editions).faqs["Q900"].version == 1
    assert len([f for f in editions.faq_versions() if f.id == "Q900" and f.state == "published"]) == 1


def test_aliases_keep_their_origin(editions):
    term = next(t for t in editions.draft().terms if t.kind == "proof" and "F274" in t.requirements)
    with editions._writing() as connection:
        tables.put_terms(
            connection, [dataclasses.replace(term, aliases=(*term.aliases, "结清税款的纸"))], "清单.xlsx"
        )
        found = dict(
            connection.execute("select alias, origin from term_alias where name = ?", (term.name,)).fetchall()
        )
    assert found["结清税款的纸"] == "清单.xlsx"
    assert {found[a] for a in term.aliases} <= {"随产品"}


def test_the_register_says_when_it_was_made_how(editions):
    with editions._reading() as connection:
        applied = {name for (name,) in connection.execute("select name from _sqlite_migrations")}
    assert {"regions_and_rows", "vocabulary_and_faqs", "what_citizens_say", "editions"} <= applied
    assert len(applied) == module.SCHEMA


def test_opening_waits_for_no_writer(editions, folder, monkeypatch):
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.1)
    with editions._writing():
        assert open_edition(Editions(folder))[1].in_force
        with pytest.raises(CatalogueError, match="under way"):
            Editions(folder).change("张", remove=["F155"])


def test_an_edition_of_an_older_layout_is_made_anew_when_it_is_asked_and_nothing_else_changes(
    editions, folder
):
    first = editions.get()
    editions.change("张", remove=["F155"])
    editions.publish("张", "去掉一条")
    with contextlib.closing(sqlite3.connect(editions.file(first))) as connection:
        connection.execute("update meta set value = '1' where key = 'layout'")
        connection.execute("drop table whole")
        connection.commit()
    mark = editions.mark()
    held, edition = open_edition(editions, str(first.number))
    assert "F155" in held.rows and edition.number == first.number
    assert (editions.get().number, editions.mark()) == (2, mark)


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + b"x" * 4000, b"hello" * 2000])
def test_broken_files(editions, folder, content):
    editions.file(editions.get()).write_bytes(content)
    with pytest.raises(CatalogueError, match="broken"):
        opened(editions)
    editions.path.write_bytes(content)
    with pytest.raises(CatalogueError, match="broken"):
        Editions(folder)


def test_nothing_is_published_yet(tmp_path):
    editions = Editions(tmp_path)
    with pytest.raises(CatalogueError, match="nothing is published"):
        editions.get()
    with pytest.raises(CatalogueError, match="nothing is published"):
        editions.mark()
    with pytest.raises(CatalogueError, match="no catalogue"):
        Catalogue(tmp_path / "none.db")


def test_what_is_discarded_leaves_neither_draft_nor_history(editions):
    editions.change("张", rows=[row(editions, note="neu")], remove=["F155"])
    assert {(c.kind, c.subject) for c in editions.discard()} >= {("row", "F274"), ("row", "F155")}
    assert editions.pending() == [] and editions.discard() == []
    editions.change("李", rows=[row(editions, note="anders")])
    editions.publish("李", "x")
    assert [h["author"] for h in editions.history("row", "F274")] == ["李", "随产品"]
    assert [h["author"] for h in editions.history("row", "F155")] == ["随产品"]


# --- interrupted ----------------------------------------------------------------------------------------------------

# Imports and publications that end themselves without warning, as power loss does, each at the point given before its folder.
# Each is a process of its own, forked from one that has loaded what takes long.
KILLED = """
import dataclasses, os, signal, sys
from pathlib import Path
from proof_catalogue import content, editions as e, meaning, schema, text
text.index_terms("清税证明")

def end(*_, **__): os.kill(os.getpid(), signal.SIGKILL)

def run(where, folder):
    name, _, count = where.partition(":")
    module = {"put_rows": content, "put_terms": content, "replace": os}.get(name, e)
    keeper, real, left = e.Editions(Path(folder)), getattr(module, name), int(count or 0)
    def instead(*a, **k):
        nonlocal left
        if left <= 0: end()
        left -= 1
        return real(*a, **k)
    setattr(module, name, instead)
    rows = [r for r in keeper.draft().rows if r.id == "F274"]
    keeper.change("x", rows=[dataclasses.replace(rows[0], note="half")], remove=["F155"])
    keeper.publish("x", "y")

for where, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    child = os.fork()
    if not child:
        run(where, folder)
        os._exit(0)
    print(where, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
POINTS = [
    "_write", "put_rows", "put_terms", "_copy", "_fill_derived", "_replace_index", "replace:0", "replace:1",
    "_sync:0", "_sync:1", "_put_in_force",
]  # fmt: skip


def test_killed_at_many_points_the_old_edition_stays_and_the_next_publication_succeeds(published, tmp_path):
    folders = {p: shutil.copytree(published, tmp_path / p.replace(":", "-")) for p in POINTS}
    arguments = [str(x) for pair in folders.items() for x in pair]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == [x for p in POINTS for x in (p, str(-signal.SIGKILL))], done.stderr
    for point, folder in folders.items():
        editions = Editions(folder)
        assert editions.get().number == 1, point
        assert whole(editions).rows["F274"].note != "half", point
        if not editions.pending():
            editions.change("z", rows=[row(editions, note="half")], remove=["F155"])
        assert editions.publish("z", "again").number == 2
        assert whole(editions, set(ROWS) - {"F155"}).rows["F274"].note == "half"
        names = {p.name for p in (folder / "catalogue" / "editions").iterdir()}
        assert names == {f"{n}.{kind}" for n in ("0001", "0002") for kind in ("db", "npz", "asked")}, point


def test_killed_at_any_moment(folder):
    random.seed(7)
    command = (
        "import sys, dataclasses; from pathlib import Path; from proof_catalogue.editions import Editions; "
        "e = Editions(Path(sys.argv[1])); r = next(r for r in e.draft().rows if r.id == 'F274'); print('go', flush=True); "
        "e.change('x', rows=[dataclasses.replace(r, note=sys.argv[2])]); e.publish('x', 'y')"
    )
    editions = Editions(folder)
    allowed = {opened(editions).rows["F274"].note}
    for turn in range(4):
        allowed.add(f"turn {turn}")
        arguments = [sys.executable, "-c", command, str(folder), f"turn {turn}"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as working:
            assert working.stdout and working.stdout.readline() == b"go\n"
            time.sleep(random.uniform(0.0, 0.6))
            working.kill()
        assert whole(editions).rows["F274"].note in allowed


def test_two_publications_at_once_make_two_editions_or_say_so(folder):
    command = (
        "import sys, dataclasses; from pathlib import Path; from proof_catalogue.editions import Editions; "
        "e = Editions(Path(sys.argv[1])); r = next(r for r in e.draft().rows if r.id == sys.argv[2]); print('go', flush=True); "
        "sys.stdin.readline(); e.change('x', rows=[dataclasses.replace(r, note='at once')]); e.publish('x', 'y')"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", command, str(folder), i], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for i in ("F274", "F064")
    ]  # fmt: skip
    for one in both:
        assert one.stdout and one.stdout.readline() == b"go\n"
    errors = []
    for one in both:
        assert one.stdin
        one.stdin.write(b"\n")
        one.stdin.flush()
    for one in both:
        errors.append(one.communicate(timeout=120)[1].decode())
    # The second to publish finds its change in the first one's edition, or makes its own.
    assert all(
        one.returncode == 0 or "nothing to publish" in e for one, e in zip(both, errors, strict=True)
    ), errors
    held = whole(Editions(folder))
    assert held.rows["F274"].note == held.rows["F064"].note == "at once"


# --- readers --------------------------------------------------------------------------------------------------------


def test_an_open_edition_outlives_the_next_one(editions):
    held = opened(editions)
    editions.change("李", rows=[row(editions, note="neu")])
    editions.publish("李", "neu")
    assert held.rows["F274"].note != "neu" and "F274" in held.full_text("清税证明")


def test_readers_that_hammer_see_whole_editions_only(editions, folder):
    reader = Current(folder)
    wrong, seen, ended = [], set(), threading.Event()

    def read():
        while not ended.is_set():
            held = reader.get()
            notes = {held.rows[i].note for i in ("F274", "F064", "F215")}
            names = {held.meta["edition"]}
            if len(notes) != 1 and not any(n.startswith("edition") for n in notes):
                continue  # the first edition, whose notes differ
            if len(notes) != 1 or len(names) != 1:
                wrong.append((names, notes))
            seen.update(notes)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(4):
            changed = [row(editions, i, note=f"edition {number}") for i in ("F274", "F064", "F215")]
            editions.change("x", rows=changed)
            editions.publish("x", str(number))
        limit = time.monotonic() + 30
        while "edition 3" not in seen and time.monotonic() < limit:
            time.sleep(0.05)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not wrong and "edition 3" in seen


def test_an_unreadable_new_edition_leaves_readers_with_the_old_one(editions, folder, capfd):
    reader = Current(folder)
    editions.change("x", rows=[row(editions, note="neu")])
    broken = editions.file(editions.publish("x", "y"))
    good = broken.read_bytes()
    broken.write_bytes(b"nothing")
    reader.get()
    time.sleep(0.5)
    assert reader.get().rows["F274"].note != "neu"
    broken.write_bytes(good)
    limit = time.monotonic() + 20
    while reader.get().rows["F274"].note != "neu":
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_what_a_large_publication_leaves_is_encoded_later(editions, folder, monkeypatch):

    monkeypatch.setattr(module, "ENCODE_AT_ONCE", 1)
    editions.change(
        "x",
        rows=[
            row(editions, id="F901", proof="甲证明", matter="甲事", asked_as=()),
            row(editions, id="F902", proof="乙证明", matter="乙事", asked_as=()),
        ],
    )
    told = []
    editions.publish("x", "y", progress=lambda *a: told.append(a))
    assert any(what == "待编码" for what, _, _ in told)
    reader = Current(folder)
    before = reader.get().near("乙事需要乙证明吗")
    assert editions.encode() >= 1
    limit = time.monotonic() + 20
    while "F902" not in reader.get().near("乙事需要乙证明吗"):
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert len(reader.get().near("乙事需要乙证明吗")) > len(before)


def test_completeness_is_claimed_per_region_and_sector(editions, data):
    held = opened(editions)
    assert not held.complete("330100", ["税务"])
    text = (data / "edition.yml").read_text("utf-8")
    claim = "complete:\n- {region_code: '330100', sector: 税务, basis: 清单}\n- {region_code: '330200', sector: '*', basis: 清单}\n"
    (data / "edition.yml").write_text(text + claim, encoding="utf-8")
    editions.install(data)
    held = opened(editions)
    assert held.complete("330106", ["税务"]) and held.complete("330200", [])
    assert (
        not held.complete("330300", ["税务"])
        and not held.complete("330100", ["公安"])
        and not held.complete(None, ["税务"])
    )


def test_generic_rows_and_words(catalogue):
    assert catalogue.generic("F030") and not catalogue.generic("F064")
    words = catalogue.words()
    assert {"无犯罪记录证明", "清税证明"} <= words and all(2 <= len(w) <= 10 for w in words)
    assert isinstance(catalogue.rows["F030"], Requirement) and os.path.exists(catalogue._meaning_path)


def test_a_code_of_the_past_is_kept_as_the_one_of_today(editions):
    past = row(editions, id="F901", region_code="330104", region="江干区")
    asked = Faq(id="Q901", topic="pledge", question="江干区怎么办", variants=(), answer="一样", region_code="330621", sources=({"title": "通知"},), unverified=False)  # fmt: skip
    editions.change("王", rows=[past], faqs=[asked])
    editions.publish("王", "旧代码")
    held = opened(editions)
    assert (held.rows["F901"].region_code, held.rows["F901"].region) == ("330102", "上城区")
    assert held.faqs["Q901"].region_code == "330603"
    assert held.regions.chain("330104") == ["330102", "330100", "330000", "000000"]
    assert content_hash(editions.frozen(editions.get())) == editions.get().hash


def test_a_row_that_names_the_old_place_in_words_of_its_own_keeps_them(editions):
    editions.change("王", rows=[row(editions, id="F901", region_code="330104", region="上城区（原江干区）")])
    (held,) = (r for r in editions.draft().rows if r.id == "F901")
    assert (held.region_code, held.region) == ("330102", "上城区（原江干区）")


def test_an_older_edition_gets_the_tables_that_were_added_since(editions, folder):
    for path in (editions.path, editions.file(editions.get())):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("drop table former_region")
            connection.execute("delete from _sqlite_migrations where name = 'former_regions'")
            connection.execute("pragma user_version = 0")
            connection.commit()
    again = Editions(folder)
    assert opened(again).regions.former == []
    assert again.frozen(again.get()).rows
