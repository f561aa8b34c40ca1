"""What an import would change: identity, ids, faults across rows, and the report that a clerk reads."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import synthetic
from proof_catalogue.difference import difference
from proof_catalogue.errors import CatalogueError
from proof_catalogue.regions import Regions
from proof_catalogue.requirement import Requirement, read_requirements
from proof_catalogue.store import DATA
from proof_catalogue.tables import Incoming, read_table, write_table

ROWS = {r.id: r for r in read_requirements(DATA / "requirements.jsonl")}
REGIONS = Regions.load(DATA / "regions.csv")
NEW = {"proof": "某证明", "matter": "某事", "region": "杭州市", "region_code": "330100", "status": "pledge"}


def row(number=2, id="", **fields):
    return Incoming(fields, "表", number, id)


def whole_row(requirement, number=2):
    fields = {f.name: getattr(requirement, f.name) for f in dataclasses.fields(Requirement)}
    return Incoming({k: v for k, v in fields.items() if k != "id"}, "表", number, fields["id"])


def messages(made):
    return [str(f) for f in made.faults]


def test_a_catalogue_that_goes_out_and_comes_back_changes_nothing(tmp_path):
    for format in ("jsonl", "csv", "xlsx"):
        write_table(ROWS.values(), tmp_path / format, format)
        made = difference(ROWS, read_table(tmp_path / format, REGIONS).rows, whole=True)
        assert (made.added, made.changed, made.removed, made.unchanged) == ([], [], [], 362)
        assert made.faults == [] and made.after(ROWS) == ROWS
        assert made.text() == "新增 0 条，修改 0 条，删除 0 条，不变 362 条。\n没有任何改动。"


def test_a_change_says_field_by_field_what_it_was_and_what_it_will_be():
    made = difference(
        ROWS, [row(7, "F001", status="pledge", valid_until="2027-12-31", note=ROWS["F001"].note)]
    )
    (change,) = made.changed
    assert change.fields == {
        "status": ("not_issued_by_police", "pledge"),
        "valid_until": ("", "2027-12-31"),
    }
    assert made.unchanged == 361 and made.removed == []
    assert made.text().splitlines() == [
        "新增 0 条，修改 1 条，删除 0 条，不变 361 条。",
        "～ F001 公民姓名证明／各类需要核对身份信息的办事／全国（工作表“表”第 7 行）",
        "    办理结论：公安不出具 → 告知承诺",
        "    失效日期：（空） → 2027-12-31",
    ]
    assert made.after(ROWS)["F001"].status == "pledge"


def test_a_new_row_gets_the_next_free_number_and_the_documented_defaults():
    made = difference(ROWS, [row(2, **NEW), row(3, **{**NEW, "matter": "另一事"})], used=["F400"])
    assert [c.after.id for c in made.added] == ["F401", "F402"]
    first = made.added[0].after
    assert (first.kind, first.sector, first.confidence, first.aliases) == ("proof", "其他", "medium", ())
    assert Requirement.parse(first.json(), "row") == first
    assert made.unchanged == 362 and "＋ F401 某证明／某事／杭州市（工作表“表”第 2 行）" in made.text()
    assert list(made.after(ROWS))[-2:] == ["F401", "F402"]


def test_numbers_given_in_the_table_are_not_given_again():
    made = difference({}, [row(2, **NEW), row(3, "F007", **{**NEW, "matter": "另一事"})])
    assert [c.after.id for c in made.added] == ["F008", "F007"]
    assert [c.after.id for c in difference({}, [row(2, **NEW)]).added] == ["F001"]


def test_without_an_id_proof_matter_region_and_first_day_say_which_row():
    old = dataclasses.replace(ROWS["F001"], valid_from="2025-01-01")
    later = dataclasses.replace(old, id="F900", valid_from="2026-01-01")
    before = {r.id: r for r in (old, later)}
    named = {"proof": " 公民姓名證明", "matter": old.matter, "region": "全国", "region_code": "000000"}
    made = difference(before, [row(2, **named, valid_from="2026-01-01", status="cancelled")])
    assert [c.after.id for c in made.changed] == ["F900"] and not made.added
    made = difference(before, [row(2, **named, valid_from="2027-01-01", status="cancelled")])
    assert [c.after.id for c in made.added] == ["F901"]
    made = difference(before, [row(2, **named, status="cancelled")])
    assert messages(made) == [
        "工作表“表”第 2 行“编号”：目录里有 2 条都是这个证明、事项和地区（F001、F900），请填编号或生效日期。"
    ]
    made = difference({"F001": old}, [row(2, **named, status="cancelled")])
    assert made.changed[0].fields.keys() == {"status", "proof"}


def test_rows_that_are_not_in_a_whole_table_are_removed():
    kept = [whole_row(r) for r in list(ROWS.values())[:360]]
    made = difference(ROWS, kept, whole=True)
    assert [r.id for r in made.removed] == ["F361", "F362"] and made.unchanged == 360
    assert "－ F362 " in made.text() and len(made.after(ROWS)) == 360
    assert difference(ROWS, kept).removed == []


def test_two_rows_that_are_the_same_requirement_name_both_places():
    made = difference({}, [row(2, **NEW), row(9, **{**NEW, "status": "retained"})])
    assert messages(made) == [
        "工作表“表”第 9 行：和工作表“表”第 2 行是同一条（某证明／某事／杭州市），只能留一行。"
    ]
    made = difference(ROWS, [row(2, "F001", note="a"), row(3, "F001", note="b")])
    assert len(made.faults) == 1 and "和工作表“表”第 2 行是同一条" in messages(made)[0]
    with pytest.raises(CatalogueError, match="同一条"):
        made.after(ROWS)
    assert made.text().startswith("有 1 处错误，改好以后才能导入：\n工作表“表”第 3 行：")


def test_a_row_may_not_become_the_same_as_another():
    f1, f2 = ROWS["F001"], ROWS["F002"]
    change = row(2, "F001", proof=f2.proof)
    assert (
        messages(difference(ROWS, [change]))
        == [
            f"工作表“表”第 2 行：改了以后和目录里的 F002 成了同一条（{f2.proof}／{f1.matter}／全国），只能留一行。"
        ]
        or "成了同一条" in messages(difference(ROWS, [change]))[0]
    )
    assert "是同一条" in messages(difference(ROWS, [change, row(3, "F002", note="x")]))[0]
    swapped = difference(ROWS, [change, row(3, "F002", proof=f1.proof)])
    assert swapped.faults == [] and len(swapped.changed) == 2


def test_rows_that_were_alike_before_are_no_fault_of_the_table():
    twin = dataclasses.replace(ROWS["F001"], id="F900")
    before = {**ROWS, "F900": twin}
    made = difference(before, [whole_row(r, n) for n, r in enumerate(before.values(), 2)], whole=True)
    assert made.faults == [] and made.unchanged == 363


def test_an_id_that_is_not_there_needs_a_whole_row():
    assert messages(difference(ROWS, [row(2, "F900", note="x")])) == [
        "工作表“表”第 2 行“编号”：目录里没有 F900，按新增算，要填“证明名称”。"
    ]
    assert difference(ROWS, [row(2, "F900", **NEW)]).added[0].after.id == "F900"


def test_a_last_day_before_the_first_day_that_stands_already():
    before = {"F001": dataclasses.replace(ROWS["F001"], valid_from="2025-01-01")}
    assert messages(difference(before, [row(2, "F001", valid_until="2024-12-31")])) == [
        "工作表“表”第 2 行“失效日期”：生效日期 2025-01-01 在失效日期 2024-12-31 之后。"
    ]


def test_related_ids_must_be_there():
    assert messages(difference(ROWS, [row(2, **NEW, see_also=("F001", "F999"))])) == [
        "工作表“表”第 2 行“相关编号”：相关编号 F999 不在目录里。"
    ]
    others = row(3, **{**NEW, "matter": "另一事"}, see_also=("F363",))
    assert difference(ROWS, [row(2, **NEW, see_also=("F364",)), others]).faults == []


def test_the_report_is_bounded_and_counts_the_rest():
    made = difference({}, [row(n, **{**NEW, "matter": f"事{n}"}) for n in range(2, 302)])
    lines = made.text(limit=10).splitlines()
    assert len(lines) == 12 and lines[-1] == "……还有 290 条没有列出来。"
    faulty = difference({}, [row(n, **NEW) for n in range(2, 902)])
    assert len(faulty.faults) == 501 and messages(faulty)[-1].startswith("还有 399 处错误")
    assert len(faulty.text(limit=10).splitlines()) == 12


changes = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["pledge", "retained", "cancelled"]),
        "note": st.text(max_size=5),
        "proof": st.sampled_from(["甲证明", "乙证明", "丙证明"]),
        "matter": st.sampled_from(["子事", "丑事"]),
        "valid_from": st.sampled_from(["", "2025-01-01"]),
    },
)
SOME = [dataclasses.replace(r, proof=p, matter=m, region_code="330000", region="浙江省", see_also=())
        for r, (p, m) in zip(ROWS.values(), [(p, m) for p in ("甲证明", "乙证明") for m in ("子事", "丑事")], strict=False)]  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(["", "F001", "F002", "F003", "F004", "F009"]), changes), max_size=6),
    st.booleans(),
)
def test_whatever_comes_the_result_is_whole_and_has_no_two_alike(rows, whole):
    before = {r.id: r for r in SOME}
    base = {**NEW, "region": "浙江省", "region_code": "330000"}
    incoming = [
        row(n, i, **({} if i in before else base), **dict(c.items()) if i in before else {})
        if i in before
        else row(n, i, **{**base, **c})
        for n, (i, c) in enumerate(rows, 2)
    ]
    made = difference(before, incoming, whole=whole)
    assert made.text()
    if made.faults:
        return
    after = made.after(before)
    assert len(after) == len(before) + len(made.added) - len(made.removed)
    assert made.unchanged + len(made.changed) + len(made.removed) == len(before)
    assert all(id == r.id for id, r in after.items())
    keys = [(r.proof, r.matter, r.region_code, r.valid_from) for r in after.values()]
    assert len(set(keys)) == len(keys)
    assert all(Requirement.parse(r.json(), "row") == r for r in after.values())
    again = difference(after, [whole_row(r, n) for n, r in enumerate(after.values())], whole=True)
    assert again.faults == [] and not (again.added or again.changed or again.removed)


def test_made_up_rows_are_requirements_and_the_same_each_time():
    rows = synthetic.rows(500, seed=3)
    assert rows == synthetic.rows(600, seed=3)[:500] and rows != synthetic.rows(500, seed=4)
    assert len({(r.proof, r.matter, r.region_code) for r in rows}) == len({r.id for r in rows}) == 500
    assert all(Requirement.parse(r.json(), "row") == r and r.region_code in REGIONS for r in rows)
    assert not {r.id for r in rows} & set(ROWS)
