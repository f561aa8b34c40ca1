"""What a catalogue holds: the folder, the tables, and that both say the same."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof_catalogue import content as tables
from proof_catalogue.content import compare, content_hash, folder_hash, read_folder, read_label, subjects
from proof_catalogue.errors import CatalogueError
from proof_catalogue.requirement import KINDS, LISTS, PATH_NAMES, STATUSES, Requirement
from proof_catalogue.schema import migrate

from .small import ROWS, read_rows, write_rows


def database():
    made = sqlite3.connect(":memory:", isolation_level=None)
    migrate(made)
    return made


def count(connection, table):
    return connection.execute(f"select count(*) from {table}").fetchone()[0]


def test_the_folder_hash_is_of_every_file_and_of_nothing_else(data):
    seen = {folder_hash(data)}
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
        seen.add(folder_hash(data))
    assert len(seen) == 8
    (data / "README.md").write_text("words")
    assert folder_hash(data) in seen
    (data / "proofs.yml").rename(data / "papers.yml")
    assert folder_hash(data) not in seen


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
def test_what_is_wrong_in_a_folder_is_named(data, fault):
    breaking, message = FAULTS[fault]
    breaking(data)
    with pytest.raises(CatalogueError, match=message):
        read_folder(data)
        read_label(data)


def test_the_tables_say_what_the_folder_says(data):
    said = read_folder(data)
    held = database()
    tables.put_regions(held, said.regions)
    tables.put_rows(held, said.rows)
    tables.put_terms(held, said.terms, "x")
    tables.put_faqs(held, said.faqs)
    tables.put_rest(held, said.conflicts, said.complete)
    read = tables.read_tables(held)
    assert compare(subjects(said), subjects(read)) == []
    assert content_hash(read) == content_hash(said)
    kinds = {t: count(held, t) for t in ("requirement", "held_document", "general_rule")}
    assert kinds == {"requirement": 6, "held_document": 0, "general_rule": 1}


TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=30)
NAME = st.text(
    st.characters(whitelist_categories=("Lo", "Lu", "Nd"), max_codepoint=0x9FFF), min_size=1, max_size=12
)
DAY = st.sampled_from(["", "2016-09-01", "2024-02-29", "2030-12-31"])


@st.composite
def requirements(draw):
    """Any row that the schema admits, hostile text and all."""
    days = sorted(draw(st.lists(DAY.filter(bool), min_size=2, max_size=2)))
    lists = {
        name: tuple(draw(st.lists(NAME, max_size=3))) for name in LISTS if name not in ("paths", "see_also")
    }
    texts = {
        name: draw(TEXT)
        for name in (
            "demanding_authority", "issuing_authority", "legal_basis", "replacement", "data_source", "source_title",
            "source_url", "source_date", "source_kind", "conflict", "note", "guide",
        )
    }  # fmt: skip
    return Requirement(
        id=f"F{draw(st.integers(1, 99999)):03}",
        kind=draw(st.sampled_from(sorted(KINDS))),
        proof=draw(NAME),
        matter=draw(NAME),
        sector=draw(NAME),
        region_code="330100",
        region=draw(NAME),
        status=draw(st.sampled_from(sorted(STATUSES))),
        confidence=draw(st.sampled_from(["high", "medium", "low"])),
        paths=tuple(draw(st.lists(st.sampled_from(sorted(PATH_NAMES)), unique=True))),
        valid_from=draw(st.sampled_from(["", days[0]])),
        valid_until=draw(st.sampled_from(["", days[1]])),
        checked_at=draw(DAY),
        **lists,
        **texts,
    )


@pytest.fixture(scope="module")
def held(small_data):
    made = database()
    tables.put_regions(made, read_folder(small_data).regions)
    return made


@given(st.lists(requirements(), max_size=4, unique_by=lambda r: r.id))
def test_rows_come_back_from_the_tables_as_they_went_in(held, rows):
    tables.put_rows(held, rows)
    tables.put_rows(held, rows)
    assert tables.read_rows(held, [r.id for r in rows]) == {r.id: r for r in rows}
    tables.drop_rows(held, [r.id for r in rows])
    assert tables.read_rows(held) == {}
    left = {
        t: count(held, t)
        for t in ("row_alias", "row_path", "row_condition", "legal_basis", "see_also", "source")
    }
    assert not any(left.values()), left


def test_a_change_says_the_old_and_the_new(data):
    before = read_folder(data)
    rows = read_rows(data)
    write_rows(data, [{**rows[0], "note": "neu", "valid_from": "2027-01-01"}, *rows[1:]])
    (change,) = compare(subjects(before), subjects(read_folder(data)))
    assert (change.kind, change.subject, change.what) == ("row", rows[0]["id"], "changed")
    assert change.fields == {"note": [rows[0]["note"], "neu"], "valid_from": [None, "2027-01-01"]}


def test_a_new_row_joins_the_terms_of_its_names_or_makes_them(data):
    said = read_folder(data)
    some = next(r for r in said.rows if r.id == "F274")
    term = next(t for t in said.terms if t.kind == "proof" and "F274" in t.requirements)
    alias = Requirement(
        **{**vars(some), "id": "F901", "proof": term.aliases[0] if term.aliases else term.name}
    )
    other = Requirement(**{**vars(some), "id": "F902", "proof": "全新证明", "matter": "全新的事"})
    made = {(t.kind, t.name): t for t in tables.with_rows(said, [alias, other]).terms}
    assert made["proof", term.name].requirements == (*term.requirements, "F901")
    assert made["proof", "全新证明"].requirements == ("F902",)
    assert made["matter", "全新的事"].requirements == ("F902",)
    assert set(ROWS) == {r.id for r in said.rows}
