"""The further sheets of a workbook: names and cues, conflicts, claims of completeness."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from proof_catalogue.content import Content, content_hash, read_folder
from proof_catalogue.store import DATA
from proof_catalogue.table_columns import words
from proof_catalogue.table_lists import columns_of, lines_of, list_changes, put_lists, sheet_name
from proof_catalogue.tables import read_table, write_table
from proof_catalogue.vocabulary import Term


@pytest.fixture(scope="module")
def content(small_data):
    return read_folder(small_data)


def book(path, **sheets):
    """A workbook with the given lists: their lines below the headings of the first one's fields."""
    made = Workbook()
    made.remove(made.active)
    for name, lines in sheets.items():
        sheet = made.create_sheet(sheet_name(name))
        sheet.append([columns_of(name)[f].heading for f in lines[0]])
        for line in lines:
            sheet.append(list(line.values()))
    made.save(path)
    return path


def taken(content, path, whole=False, gone=()):
    table = read_table(path, content.regions)
    assert not table.faults, list(map(str, table.faults))
    return put_lists(content, table.lists, whole, gone)


def said_faults(content, path):
    table = read_table(path, content.regions)
    return [str(f) for f in table.faults] or [m for _, _, m in put_lists(content, table.lists, False)[1]]


def test_all_that_ships_comes_back_from_a_workbook_as_it_went_in(tmp_path):
    held = dataclasses.replace(
        read_folder(DATA), complete=[{"region_code": "330000", "sector": "*", "basis": "=试验"}]
    )
    write_table(held.rows, tmp_path / "all.xlsx", "xlsx", content=held)
    table = read_table(tmp_path / "all.xlsx", held.regions)
    assert not table.faults and not table.notices
    bare = dataclasses.replace(held, terms=[], conflicts=[], complete=[])
    for start in (held, bare):
        after, faults = put_lists(start, table.lists, True)
        assert not faults and content_hash(after) == content_hash(held)
    assert list_changes(held, held, table.lists) == []


NAMES = st.text(st.characters(whitelist_categories=("Lo", "Nd", "Po", "Sm")), min_size=1, max_size=40).map(
    lambda s: "甲" + s.strip() + "乙"
)


@given(st.lists(NAMES, max_size=400, unique=True), st.sampled_from(["aliases", "requirements"]))
def test_items_of_any_number_and_kind_are_cut_into_lines_and_come_back(names, field):
    ids = [f"F{n + 100}" for n in range(len(names))]
    term = Term("proof", "某证明", (), (), (), True)
    term = dataclasses.replace(term, **{field: tuple(names if field == "aliases" else ids)})
    lines = list(lines_of(Content([], None, [term], []), "names"))
    columns = columns_of("names")
    at = list(columns).index(field)
    from proof_catalogue.table_columns import cut

    assert all(len(cell) < 4000 for line in lines for cell in line)
    back = tuple(item for line in lines for item in cut(columns[field], line[at]))
    assert back == getattr(term, field)


def test_a_name_is_said_anew_and_what_has_no_column_stays(content, tmp_path):
    old = next(t for t in content.terms if t.kind == "proof" and "F274" in t.requirements)
    file = book(tmp_path / "a.xlsx", names=[{"kind": "证明", "name": old.name, "aliases": "结清单；清税条"}])
    after, faults = taken(content, file)
    new = next(t for t in after.terms if t.name == old.name)
    assert not faults and new.aliases == ("结清单", "清税条")
    assert (new.cues, new.requirements, new.generic) == (old.cues, old.requirements, old.generic)
    assert {t.name for t in after.terms} == {t.name for t in content.terms}
    (line,) = list_changes(content, after, read_table(file, content.regions).lists)
    assert line.startswith(f"～ 别名与说法：证明“{old.name}” 别名 ＋结清单、清税条 －")


def test_with_whole_what_has_no_line_goes_and_its_rows_go_by_their_own_names(content, tmp_path):
    lines = [{"kind": "证明", "name": "清税证明", "requirements": "F274"}]
    after, faults = taken(content, book(tmp_path / "a.xlsx", names=lines), whole=True)
    assert not faults
    by_row = {i: t.name for t in after.terms if t.kind == "proof" for i in t.requirements}
    rows = {r.id: r for r in content.rows if r.kind != "general_rule"}
    assert by_row["F274"] == "清税证明"
    assert all(by_row[i] == r.short_proof for i, r in rows.items() if i != "F274")
    assert all(not t.cues for t in after.terms if t.kind == "proof" and t.name != "清税证明")


def test_conflicts_and_claims_are_added_and_with_whole_replaced(content, tmp_path):
    file = book(
        tmp_path / "a.xlsx",
        conflicts=[{"prevails": "F274", "rows": "F274、F155"}],
        complete=[{"region": "杭州", "sector": "全部", "basis": "某清单"}],
    )
    after, faults = taken(content, file)
    assert not faults
    assert [c["prevails"] for c in after.conflicts] == ["F215", "F274"]
    assert after.complete == [{"region_code": "330100", "sector": "*", "basis": "某清单"}]
    after, _ = taken(content, file, whole=True)
    assert after.conflicts == [{"rows": ["F155", "F274"], "prevails": "F274"}]
    assert content.conflicts[0]["prevails"] == "F215"
    made = load_workbook(file)
    for name in ("conflicts", "complete"):
        made[sheet_name(name)].delete_rows(2)
    made.save(file)
    after, _ = taken(after, file, whole=True)
    assert (after.conflicts, after.complete) == ([], [])


def test_a_row_that_the_same_import_removes_may_still_be_named(content, tmp_path):
    file = book(tmp_path / "a.xlsx", names=[{"kind": "证明", "name": "x", "requirements": "F274；F155"}])
    left = dataclasses.replace(content, rows=[r for r in content.rows if r.id != "F155"], terms=[])
    after, faults = taken(left, file, gone=["F155"])
    assert not faults and next(t for t in after.terms if t.name == "x").requirements == ("F274",)


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        ({"names": [{"kind": "东西", "name": "x"}]}, "工作表“别名与说法”第 2 行“种类”：不认得“东西”"),
        ({"names": [{"kind": "", "name": "x"}]}, "第 2 行“种类”：不认得“”"),
        ({"names": [{"kind": "证明", "name": ""}]}, "第 2 行“名称”：没有填"),
        ({"names": [{"kind": "证明", "name": "x", "cues": "甲+/"}]}, "第 2 行“说法”：说法“甲+/”里有空的部分"),
        (
            {"names": [{"kind": "证明", "name": "x", "requirements": "F9x"}]},
            "第 2 行“目录编号”：“F9X”不是编号",
        ),
        ({"names": [{"kind": "证明", "name": "x", "requirements": "F999"}]}, "编号 F999 不在目录里"),
        ({"names": [{"name": "x", "aliases": "y"}]}, "没有认出表头"),
        ({"conflicts": [{"prevails": "F274", "rows": ""}]}, "第 2 行“涉及编号”：没有填"),
        ({"conflicts": [{"prevails": "F274", "rows": "F998"}]}, "编号 F998 不在目录里"),
        ({"conflicts": [{"prevails": "F274", "rows": "F215"}]}, "F215 同时写进了"),
        ({"conflicts": [{"prevails": "F274", "rows": "F155"}] * 2}, "第 3 行：和第 2 行说的是同一个"),
        ({"complete": [{"region": "", "sector": "全部", "basis": "x"}]}, "第 2 行“适用地区”：没有填"),
        ({"complete": [{"region": "火星", "sector": "全部", "basis": "x"}]}, "没有找到“火星”"),
        ({"complete": [{"region": "杭州", "sector": "星际", "basis": "x"}]}, "没有“星际”这个领域"),
        ({"complete": [{"region": "杭州", "sector": "全部", "basis": ""}]}, "第 2 行“依据”：没有填"),
    ],
)
def test_faults_are_told_by_sheet_line_and_column(content, tmp_path, sheets, said):
    found = said_faults(content, book(tmp_path / "a.xlsx", **sheets))
    assert any(said in f for f in found), found


def test_the_sheet_that_explains_tells_of_every_list(content, tmp_path):
    write_table([], tmp_path / "a.xlsx", "xlsx", content=content)
    sheet = load_workbook(tmp_path / "a.xlsx")[words()["explanation"]["sheet"]]
    texts = {c.value for r in sheet.iter_rows() for c in r}
    for name in words()["lists"]:
        assert {c.heading for c in columns_of(name).values()} <= texts and words()["lists"][name][
            "note"
        ] in texts
