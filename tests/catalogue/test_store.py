"""The database: built whole or not at all."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
import yaml

from proof_catalogue.errors import CatalogueError
from proof_catalogue.store import DATA, Catalogue, build, fingerprint, is_current, vectors_path

ROWS = ("F274", "F155", "F064", "F215", "F217", "F218", "F303")


def _only(entries):
    kept = [{**e, "requirements": [r for r in e.get("requirements") or [] if r in ROWS]} for e in entries]
    return [e for e in kept if e["requirements"]]


@pytest.fixture
def data(tmp_path, small_data):
    """A data folder of one's own with seven rows, which builds in a blink."""
    return shutil.copytree(small_data, tmp_path / "data")


@pytest.fixture(scope="module")
def small_data(tmp_path_factory):
    """Seven of the shipped rows with what they refer to."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "matters").mkdir(parents=True)
    lines = (DATA / "requirements.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [r for r in map(json.loads, lines) if r["id"] in ROWS]
    for row in rows:
        row["see_also"] = [r for r in row["see_also"] if r in ROWS]
        row["aliases"] = row["aliases"][:1]
    write_rows(folder, rows)
    shutil.copy(DATA / "edition.yml", folder)
    places = (DATA / "regions.csv").read_text("utf-8").splitlines(keepends=True)
    (folder / "regions.csv").write_text(
        "".join(x for x in places if x[:2] in ("co", "00", "33")), encoding="utf-8"
    )
    matters = [
        e for p in sorted((DATA / "matters").glob("*.yml")) for e in yaml.safe_load(p.read_text("utf-8"))
    ]
    for name, entries in (
        ("proofs.yml", yaml.safe_load((DATA / "proofs.yml").read_text("utf-8"))),
        ("matters/all.yml", matters),
    ):
        (folder / name).write_text(yaml.safe_dump(_only(entries), allow_unicode=True), encoding="utf-8")
    (folder / "conflicts.yml").write_text("- {rows: [F215, F217, F218], prevails: F215}\n", encoding="utf-8")
    faqs = yaml.safe_load((DATA / "faqs.yml").read_text("utf-8"))[:1]
    (folder / "faqs.yml").write_text(
        yaml.safe_dump([{**faqs[0], "variants": []}], allow_unicode=True), encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def built(small_data, tmp_path_factory):
    """The database of the small data, built once."""
    path = tmp_path_factory.mktemp("built") / "catalogue.db"
    build(path, small_data)
    return path


@pytest.fixture
def path(built, tmp_path):
    """A copy of it, for a test to do with what it likes."""
    shutil.copy(vectors_path(built), vectors_path(tmp_path / "catalogue.db"))
    return shutil.copy(built, tmp_path / "catalogue.db")


def write_rows(folder, rows):
    text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    (folder / "requirements.jsonl").write_text(text, encoding="utf-8")


def read_rows(folder):
    return [json.loads(x) for x in (folder / "requirements.jsonl").read_text("utf-8").splitlines()]


def whole(path, ids=ROWS):
    """Open the database and use all of it."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
    held = Catalogue(path)
    assert set(held.rows) == set(ids)
    assert held.near("公司注销要清税证明吗")
    assert "F274" in held.full_text("清税证明")
    return held


def test_what_was_built_is_what_is_opened(data, tmp_path):
    path = tmp_path / "deep" / "down" / "catalogue.db"
    build(path, data)
    held = whole(path)
    assert held.meta["fingerprint"] == fingerprint(data) and held.meta["edition"] == "2026.1"
    for row in read_rows(data):
        assert held.requirement(row["id"]).json() == row
    assert held.prevails == {"F215": "F215", "F217": "F215", "F218": "F215"}
    assert "F303" not in held.full_text("公共数据平台 材料")
    with pytest.raises(CatalogueError, match="F999"):
        held.requirement("F999")
    assert sorted(p.name for p in path.parent.iterdir()) == ["catalogue.db", "catalogue.npz"]


def test_the_database_cannot_be_written_through_a_catalogue(path):
    with pytest.raises(sqlite3.OperationalError):
        Catalogue(path)._connection.execute("delete from requirement")


def test_building_again_does_nothing_until_the_data_changes(data, path):
    before = path.stat().st_mtime_ns, vectors_path(path).stat().st_mtime_ns
    build(path, data)
    assert (path.stat().st_mtime_ns, vectors_path(path).stat().st_mtime_ns) == before
    write_rows(data, read_rows(data)[:-1])
    assert not is_current(path, fingerprint(data))
    build(path, data)
    assert len(Catalogue(path).rows) == len(ROWS) - 1


def test_the_fingerprint_is_of_every_file_and_of_nothing_else(data):
    seen = {fingerprint(data)}
    for name in (
        "requirements.jsonl",
        "regions.csv",
        "proofs.yml",
        "matters/all.yml",
        "faqs.yml",
        "conflicts.yml",
        "edition.yml",
    ):
        with (data / name).open("a", encoding="utf-8") as handle:
            handle.write("\n")
        seen.add(fingerprint(data))
    assert len(seen) == 8
    (data / "README.md").write_text("words")
    assert fingerprint(data) in seen
    (data / "proofs.yml").rename(data / "papers.yml")
    assert fingerprint(data) not in seen


def broken_row(folder):
    with (folder / "requirements.jsonl").open("a", encoding="utf-8") as handle:
        handle.write("{\n")


def unknown_region(folder):
    rows = read_rows(folder)
    write_rows(folder, [{**rows[0], "region_code": "999999"}, *rows[1:]])


def unknown_see_also(folder):
    rows = read_rows(folder)
    write_rows(folder, [{**rows[0], "see_also": ["F999"]}, *rows[1:]])


def unknown_row_of_a_term(folder):
    with (folder / "proofs.yml").open("a", encoding="utf-8") as handle:
        handle.write("- {name: 新证明, requirements: [F999]}\n")


FAULTS = {
    "a broken row": (broken_row, "requirements.jsonl"),
    "an unknown region": (unknown_region, "999999"),
    "an unknown see_also": (unknown_see_also, "F999"),
    "a term with an unknown row": (unknown_row_of_a_term, "新证明.*F999"),
    "a conflict with an unknown row": (lambda d: (d / "conflicts.yml").write_text("- {rows: [F999], prevails: F999}"), "conflicts.yml"),
    "conflicts that are not YAML": (lambda d: (d / "conflicts.yml").write_text("- ["), "conflicts.yml"),
    "a conflict without its field": (lambda d: (d / "conflicts.yml").write_text("- {rows: [F215]}"), "conflicts.yml"),
    "no conflicts": (lambda d: (d / "conflicts.yml").unlink(), "conflicts.yml"),
    "an edition that is not YAML": (lambda d: (d / "edition.yml").write_text("a: ["), "edition.yml"),
    "an edition without its field": (lambda d: (d / "edition.yml").write_text("edition: '1'"), "edition.yml"),
    "no edition": (lambda d: (d / "edition.yml").unlink(), "edition.yml"),
    "no rows": (lambda d: (d / "requirements.jsonl").unlink(), "requirements.jsonl"),
    "no regions": (lambda d: (d / "regions.csv").unlink(), "regions.csv"),
    "regions in another encoding": (lambda d: (d / "regions.csv").write_bytes(b"code,name\n330000,\xd5\xe3"), "regions.csv"),
    "no proofs": (lambda d: (d / "proofs.yml").unlink(), "proofs.yml"),
    "faqs that are no list": (lambda d: (d / "faqs.yml").write_text("7"), "faqs.yml"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_with_broken_data_the_old_database_stays(data, path, fault):
    before = path.read_bytes()
    breaking, message = FAULTS[fault]
    breaking(data)
    with pytest.raises(CatalogueError, match=message):
        build(path, data)
    assert path.read_bytes() == before
    assert set(Catalogue(path).rows) == set(ROWS)


def test_no_database(tmp_path):
    with pytest.raises(CatalogueError, match="no catalogue"):
        Catalogue(tmp_path / "none.db")
    assert not is_current(tmp_path / "none.db", "x")


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + b"x" * 4000, b"hello" * 2000])
def test_a_broken_database(tmp_path, content):
    (tmp_path / "broken.db").write_bytes(content)
    (tmp_path / "broken.npz").write_bytes(b"")
    with pytest.raises(CatalogueError, match="broken"):
        Catalogue(tmp_path / "broken.db")
    assert not is_current(tmp_path / "broken.db", "x")


# A build that ends itself without warning, as power loss does: in the middle of the rows, of the vectors, at each rename.
KILLED = """
import os, signal, sys
from pathlib import Path
from proof_catalogue import store

def end(*_): os.kill(os.getpid(), signal.SIGKILL)

where, path, data = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
if where == "rows":
    real = store._fill
    def fill(database, rows, *rest):
        database["requirement"].insert_all([{"id": "half"}]); end()
    store._fill = fill
elif where == "vectors":
    store.MeaningIndex.build = end
elif where == "saving":
    def save(self, path): path.write_bytes(b"PK half"); end()
    store.MeaningIndex.save = save
else:
    count, real = int(where), os.replace
    def replace(a, b):
        global count
        count -= 1
        if count < 0: end()
        real(a, b)
    os.replace = replace
store.build(path, data)
"""


def test_killed_in_the_middle_the_old_database_is_whole_and_the_next_build_succeeds(data, tmp_path, built):
    places = ["rows", "vectors", "saving", "0", "1"]
    paths = {where: tmp_path / where / "catalogue.db" for where in places}
    for where in places:
        shutil.copytree(built.parent, paths[where].parent)
    write_rows(data, [r for r in read_rows(data) if r["id"] != "F155"])
    for name in ("proofs.yml", "matters/all.yml"):
        entries = yaml.safe_load((data / name).read_text("utf-8"))
        for entry in entries:
            entry["requirements"] = [r for r in entry["requirements"] if r != "F155"]
        (data / name).write_text(yaml.safe_dump(entries, allow_unicode=True), encoding="utf-8")
    builds = {
        w: subprocess.Popen([sys.executable, "-c", KILLED, w, str(p), str(data)]) for w, p in paths.items()
    }
    for where, path in paths.items():
        assert builds[where].wait(60) == -signal.SIGKILL, where
        whole(path)
        build(path, data)
        whole(path, set(ROWS) - {"F155"})
        assert sorted(p.name for p in path.parent.iterdir()) == ["catalogue.db", "catalogue.npz"], where


def test_killed_at_any_moment(data, path):
    rows = read_rows(data)
    random.seed(7)
    command = "import sys; from pathlib import Path; from proof_catalogue.store import build; print('go', flush=True); build(Path(sys.argv[1]), Path(sys.argv[2]))"
    for turn in range(3):
        write_rows(data, [{**rows[0], "note": f"turn {turn}"}, *rows[1:]])
        with subprocess.Popen(
            [sys.executable, "-c", command, str(path), str(data)], stdout=subprocess.PIPE
        ) as building:
            assert building.stdout and building.stdout.readline() == b"go\n"
            time.sleep(random.uniform(0.0, 0.5))
            building.kill()
        assert whole(path).rows[rows[0]["id"]].note in {
            rows[0]["note"],
            *(f"turn {n}" for n in range(turn + 1)),
        }
    build(path, data)
    assert whole(path).rows[rows[0]["id"]].note == "turn 2"


def test_two_builds_at_once(data, tmp_path):
    path = tmp_path / "catalogue.db"
    command = "import sys; from pathlib import Path; from proof_catalogue.store import build; print('go', flush=True); sys.stdin.readline(); build(Path(sys.argv[1]), Path(sys.argv[2]))"
    both = [
        subprocess.Popen([sys.executable, "-c", command, str(path), str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    for one in both:
        assert one.stdout and one.stdout.readline() == b"go\n"
    for one in both:
        assert one.stdin
        one.stdin.write(b"\n")
        one.stdin.flush()
    errors = [one.communicate(timeout=60)[1].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], "\n".join(e[-600:] for e in errors)
    whole(path)


def test_an_open_catalogue_outlives_the_next_edition(data, path):
    held = Catalogue(path)
    (data / "edition.yml").write_text("{edition: '2', published_at: '2027-01-01'}", encoding="utf-8")
    build(path, data)
    assert held.meta["edition"] == "2026.1" and "F274" in held.full_text("清税证明")
    assert Catalogue(path).meta["edition"] == "2"


def test_generic_rows_and_words(catalogue):
    assert catalogue.generic("F030") and not catalogue.generic("F064")
    words = catalogue.words()
    assert {"无犯罪记录证明", "清税证明"} <= words and all(2 <= len(w) <= 10 for w in words)
    assert os.path.exists(vectors_path(catalogue._meaning_path.with_suffix(".db")))
