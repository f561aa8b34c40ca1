"""Tables: round trips over all fields, headings and words as clerks write them, traps of spreadsheets, hostile files."""

import dataclasses
import datetime
import io
import json
import re
import zipfile

import openpyxl
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proof_catalogue import table_columns, table_files, table_lists, tables
from proof_catalogue.errors import CatalogueError
from proof_catalogue.regions import Regions
from proof_catalogue.requirement import (
    CONFIDENCES,
    KINDS,
    PATH_NAMES,
    STATUSES,
    Requirement,
    read_requirements,
)
from proof_catalogue.store import DATA
from proof_catalogue.table_columns import columns, heading_field, near_field, words, written
from proof_catalogue.tables import FORMATS, read_table, write_table, write_template

ROWS = read_requirements(DATA / "requirements.jsonl")
REGIONS = Regions.load(DATA / "regions.csv")
HEAD = ["证明名称", "办理事项", "适用地区", "办理结论"]
GOOD = ["收入证明", "申请低保", "浙江省", "取消"]


def save(path, *sheets):
    """Write a workbook whose sheets are (name, rows), and return its path."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def text_file(path, *rows, encoding="utf-8", delimiter=","):
    path.write_bytes("\n".join(delimiter.join(row) for row in rows).encode(encoding))
    return path


def built(incoming):
    """The requirement of a row that holds all fields."""
    return Requirement(**incoming.fields, id=incoming.id)


def read(path, **options):
    table = read_table(path, REGIONS, **options)
    return table


def one(path, **options):
    """The only row of a file without faults."""
    table = read(path, **options)
    assert [str(f) for f in table.faults] == []
    (row,) = table.rows
    return row.fields


def faults(path):
    table = read(path)
    return [str(f) for f in table.faults]


def cell(tmp_path, heading, value, name="a.xlsx"):
    """What a cell with `value` under `heading` is read as, through a workbook."""
    field = heading_field(heading)
    base = {h: v for h, v in zip(HEAD, GOOD, strict=True) if heading_field(h) != field}
    path = save(tmp_path / name, ("表", [[*base, heading], [*base.values(), value]]))
    return one(path).get(field)


# Words of everything


def test_every_field_of_a_requirement_has_a_column():
    assert set(columns()) == {f.name for f in dataclasses.fields(Requirement)}


def test_every_code_has_a_word_and_no_word_has_two_meanings():
    held = words()["words"]
    assert set(held["status"]) == STATUSES and set(held["kind"]) == KINDS
    assert set(held["paths"]) == PATH_NAMES and set(held["confidence"]) == CONFIDENCES
    assert set(held["source_kind"]) == {r.source_kind for r in ROWS}
    for field, codes in held.items():
        for code, spoken in codes.items():
            for word in (code, *spoken):
                assert table_columns.read_word(field, f" {word} ") == code


def test_no_heading_has_two_meanings():
    names = [table_columns.bare(n) for c in columns().values() for n in (c.heading, *c.also, c.field)]
    assert len(set(names)) == len(names)


def test_every_message_is_used_and_every_used_one_is_there():
    code = "".join((table_columns.__spec__.loader.get_source(m)) for m in ("proof_catalogue.table_columns",))
    for module in (table_files, table_lists, tables):
        code += module.__spec__.loader.get_source(module.__name__)
    from proof_catalogue import difference

    code += difference.__spec__.loader.get_source(difference.__name__)
    used = set(re.findall(r'"((?:faults|notices)\.\w+)"', code))
    there = {f"{s}.{k}" for s in ("faults", "notices") for k in words()[s]}
    assert used == there


def test_the_words_are_yaml_without_surprises():
    def texts(value):
        if isinstance(value, dict):
            return all(isinstance(k, str) and texts(v) for k, v in value.items())
        if isinstance(value, list):
            return all(map(texts, value))
        return isinstance(value, str | bool | int)

    loaded = yaml.safe_load((DATA.parent / "proof_catalogue" / "tables.yml").read_text(encoding="utf-8"))
    assert texts(loaded)
    assert all(isinstance(n, str) for c in loaded["columns"] for n in (c["heading"], *c.get("also", [])))
    assert all(isinstance(n, str) for n in (*loaded["passed_over"], *loaded["no_date"]))


# Round trips


@pytest.mark.parametrize("format", FORMATS)
def test_the_shipped_rows_go_out_and_come_back(tmp_path, format):
    path = tmp_path / f"rows.{format}"
    write_table(ROWS, path, format)
    table = read(path)
    assert [str(f) for f in table.faults] == [] and table.notices == []
    assert [built(row) for row in table.rows] == ROWS
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


# All of Unicode but what no table can hold, and what spreadsheets, CSV and our own cells give a meaning to.
letters = st.characters(
    blacklist_categories=("Cc", "Cs", "Cn"),
    blacklist_characters="".join(map(chr, [*range(0x2028, 0x202F), *range(0x2066, 0x206A)])),
)
hostile = st.sampled_from(
    [*"=+-@＝'\"，、；;|\n\t,[]{}\\/", "_x000D_", "_x005F_", "_x0041_", "#N/A", "#REF!", "=1+1", "'=", "''@", "[\"a\"]", "TRUE",
     "45000", "2025-01-01", "1e5", "示例", "合计", "数据来源", "data_source", "无", "&lt;", "<![CDATA[", "]]>", "证明", "%s{x}"]
)  # fmt: skip
texts = (
    st.lists(letters | hostile, max_size=12)
    .map("".join)
    .map(lambda t: t.strip(table_columns._ENDS))
    .filter(lambda t: not table_columns._HIDDEN.search(t))
)
names = texts.filter(bool)
days = st.just("") | st.dates(datetime.date(1900, 1, 1), datetime.date(2199, 12, 31)).map(
    datetime.date.isoformat
)
places = st.sampled_from(
    [(REGIONS.get(c).name, c) for c in REGIONS.codes()[::37]]
    + [("南京市鼓楼区", "320106"), ("全国", "000000")]
)


@st.composite
def requirements(draw):
    start, end = draw(days), draw(days)
    if start and end and start > end:
        start, end = end, start
    region, code = draw(places)
    return Requirement(
        id=draw(st.integers(0, 10**9 - 1).map(lambda n: f"F{n:03d}")),
        kind=draw(st.sampled_from(sorted(KINDS))),
        status=draw(st.sampled_from(sorted(STATUSES))),
        confidence=draw(st.sampled_from(sorted(CONFIDENCES))),
        source_kind=draw(st.sampled_from(["", *words()["words"]["source_kind"]])),
        region=region,
        region_code=code,
        valid_from=start,
        valid_until=end,
        checked_at=draw(days),
        aliases=tuple(draw(st.lists(names, max_size=3))),
        conditions=tuple(draw(st.lists(names, max_size=3))),
        asked_as=tuple(draw(st.lists(names, max_size=3))),
        inferred=tuple(
            draw(st.lists(names | st.sampled_from(["data_source", "数据来源", "status"]), max_size=3))
        ),
        paths=tuple(draw(st.lists(st.sampled_from(sorted(PATH_NAMES)), max_size=3))),
        see_also=tuple(draw(st.lists(st.integers(0, 9999).map(lambda n: f"F{n:03d}"), max_size=3))),
        **{n: draw(names) for n in ("proof", "matter", "sector")},
        **{
            n: draw(texts)
            for n in ("demanding_authority", "issuing_authority", "legal_basis", "replacement", "data_source", "source_title",
                      "source_url", "source_date", "conflict", "note", "guide")
        },
    )  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=40)
@given(rows=st.lists(requirements(), min_size=1, max_size=3))
def test_hostile_text_in_every_field_goes_out_and_comes_back(tmp_path_factory, format, rows):
    path = tmp_path_factory.mktemp("trip") / "rows"
    write_table(rows, path, format)
    table = read(path)
    assert [str(f) for f in table.faults] == []
    assert [built(row) for row in table.rows] == rows


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "text",
    ["_x000D_", "_x005F_x0041_", "_x005F_x005F_x0041_", "#N/A", "'=1", "=1+1", "-", "+86", "@SUM(1)", "＝1", "a\nb", "a\tb", "007", "1e5",
     "TRUE", "[]", '["a"]', "\U0001f600", "𠮷", "e\u0301", "\u200b中"],
)  # fmt: skip
def test_awkward_texts_survive(tmp_path, format, text):
    row = dataclasses.replace(ROWS[0], proof=f"证{text}明", note=text.strip("\u200b"), aliases=(f"甲{text}",))
    write_table([row], tmp_path / "t", format)
    table = read(tmp_path / "t")
    assert not table.faults and [built(r) for r in table.rows] == [row]


@pytest.mark.parametrize("text", ["a\0b", "\x07", "\ud800", "\u202eb", "a\uffffb"])
@pytest.mark.parametrize("format", FORMATS)
def test_what_no_table_can_hold_is_not_written(tmp_path, format, text):
    path = tmp_path / "t"
    path.write_text("what was there")
    with pytest.raises(CatalogueError, match=r"F001，备注.*控制字符"):
        write_table([dataclasses.replace(ROWS[0], note=text)], path, format)
    assert path.read_text() == "what was there" and len(list(tmp_path.iterdir())) == 1


@given(st.text(max_size=8) | st.lists(hostile, max_size=4).map("".join))
@example("''=x")
@example("'")
@example("=")
def test_no_guarded_cell_can_run_and_each_comes_back(text):
    guarded = table_columns.guarded(text)
    assert guarded[:1] not in (*"=+-@\t\r＝＋－＠",) or guarded == ""
    assert table_columns.unguarded(guarded) == text


def test_no_exported_cell_is_a_formula(tmp_path):
    bad = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "＝1"]
    row = dataclasses.replace(
        ROWS[0], proof=bad[0], matter=bad[1], note=bad[2], guide=bad[3], conflict=bad[4]
    )
    write_table([row], tmp_path / "a.xlsx", "xlsx")
    for line in openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0].iter_rows(min_row=2):
        assert all(c.data_type in "sn" and str(c.value or "x")[0] not in "=+-@＝" for c in line)
    write_table([row], tmp_path / "a.csv", "csv")
    assert not re.search(
        r'(^|[,"\n])[=+\-@＝]', (tmp_path / "a.csv").read_text("utf-8-sig").split("\n", 1)[1]
    )


def test_an_unknown_format_is_said(tmp_path):
    with pytest.raises(CatalogueError, match="docx"):
        write_table(ROWS, tmp_path / "a", "docx")
    assert not list(tmp_path.iterdir())


def test_a_cell_too_long_for_a_workbook_is_said_not_cut(tmp_path):
    with pytest.raises(CatalogueError, match=r"F001，备注.*32768"):
        write_table([dataclasses.replace(ROWS[0], note="长" * 32768)], tmp_path / "a", "xlsx")


# What is written


def test_the_workbook_explains_itself(tmp_path):
    write_table(ROWS[:2], tmp_path / "a.xlsx", "xlsx")
    rows, explained = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    assert rows.freeze_panes == "A2" and explained.title == "说明"
    assert [c.value for c in rows[1]] == [c.heading for c in columns().values()]
    first = [r[0] for r in explained.values]
    assert all(c.heading in first for c in columns().values())
    text = "".join(str(v) for r in explained.values for v in r)
    assert "适用的最后一天" in text and "村居不出具" in text
    rules = {str(r.sqref): r.formula1 for r in rows.data_validations.dataValidation}
    letter = openpyxl.utils.get_column_letter(list(columns()).index("status") + 1)
    assert (
        rules[f"{letter}2:{letter}200001"] == '"需提供,取消,告知承诺,数据共享,部门核查,公安不出具,村居不出具"'
    )
    assert len(rules) == 4 and all(len(f) < 256 for f in rules.values())


def test_csv_opens_in_excel(tmp_path):
    write_table(ROWS[:2], tmp_path / "a.csv", "csv")
    content = (tmp_path / "a.csv").read_bytes()
    assert content.startswith("\ufeff编号,类别".encode()) and content.endswith(b"\r\n")


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_the_examples_of_the_template_are_never_read(tmp_path, format):
    path = tmp_path / f"t.{format}"
    write_template(path, format)
    table = read(path)
    assert table.rows == [] and table.notices == ["有 2 行示例，没有读。"]
    assert [str(f) for f in table.faults] == ["没有读到任何一行。"]


def test_the_examples_of_the_template_would_be_right(tmp_path):
    write_template(tmp_path / "t.csv", "csv")
    lines = (tmp_path / "t.csv").read_text("utf-8-sig").replace("\n示例,", "\n,")
    (tmp_path / "u.csv").write_text(lines, encoding="utf-8")
    table = read(tmp_path / "u.csv")
    assert not table.faults and len(table.rows) == 2
    assert [set(r.fields) | {"id"} for r in table.rows] == [set(columns())] * 2


# Headings


@pytest.mark.parametrize(
    ("heading", "field"),
    [("证明名称", "proof"), (" 证 明 名 称 ", "proof"), ("证明名称*", "proof"), ("证明名称（必填）", "proof"), ("證明名稱", "proof"), ("證明事項", "proof"),
     ("(必填)办理事项", "matter"), ("办理事项：写全称", "matter"), ("适用地区\n一行一个", "region"), ("ＶＡＬＩＤ＿ＦＲＯＭ", "valid_from"),
     ("valid_until", "valid_until"), ("Valid Until", "valid_until"), ("失效日期【最后一天】", "valid_until"), ("开具单位/部门", None),
     ("政策依据", "legal_basis"), ("法律依据", "legal_basis"), ("开具部门", "issuing_authority"), ("序号", ""), ("", ""), ("（）", None),
     ("价格", None), ("生效失效日期", None)],
)  # fmt: skip
def test_headings_as_they_are_written(heading, field):
    assert heading_field(heading) == field


@pytest.mark.parametrize(
    ("heading", "field"),
    [("证明名秤", "proof"), ("索要单立", "demanding_authority"), ("升效日期", None), ("有效日期", None), ("来原", None), ("开具时间", None), ("生效失效日期", None)],
)  # fmt: skip
def test_a_slip_in_a_heading_is_forgiven_only_where_it_is_plain(heading, field):
    assert near_field(heading) == field


def test_order_unknown_columns_and_slips(tmp_path):
    path = text_file(
        tmp_path / "a.csv", ["序号", "办理结论", "价格", "办理事顷", "证明名称", "适用地区"],
        ["1", "取消", "9", "申请低保", "收入证明", "杭州市"],
    )  # fmt: skip
    table = read(path)
    assert not table.faults
    assert table.rows[0].fields == {
        "status": "cancelled", "matter": "申请低保", "proof": "收入证明", "region": "杭州市", "region_code": "330100",
    }  # fmt: skip
    assert table.notices == [
        "“价格”这一列不认得，没有读。",
        "“办理事顷”这一列当作“办理事项”来读。",
    ]


def test_a_slip_never_takes_the_place_of_the_real_heading(tmp_path):
    path = text_file(tmp_path / "a.csv", [*HEAD, "证明名秤"], [*GOOD, "别的"])
    table = read(path)
    assert table.rows[0].fields["proof"] == "收入证明" and table.notices == [
        "“证明名秤”这一列不认得，没有读。"
    ]


def test_a_heading_that_stands_twice_is_refused(tmp_path):
    path = text_file(tmp_path / "a.csv", [*HEAD, "证明事项"], [*GOOD, "x"])
    assert faults(path) == ["第 1 行“证明名称”：有两列都是“证明名称”（A、E 列），请留下一列。"]


def test_the_table_may_begin_below_a_title(tmp_path):
    rows = [["某市证明事项清单"], [], ["制表：某某局"], HEAD, [], GOOD, [None, " "]]
    table = read(save(tmp_path / "a.xlsx", ("清单", rows)))
    assert not table.faults and [r.row for r in table.rows] == [6]


def test_headings_below_the_tenth_row_are_not_looked_for(tmp_path):
    path = save(tmp_path / "a.xlsx", ("清单", [["x"]] * 10 + [HEAD, GOOD]))
    assert faults(path) == ["没有认出表头。前 10 行里要有一行列名，至少有“证明名称”“办理事项”或“编号”。"]


def test_missing_columns_are_named(tmp_path):
    path = save(tmp_path / "a.xlsx", ("清单", [["证明名称", "备注"], ["x", "y"]]))
    assert faults(path) == [
        "工作表“清单”第 1 行：缺少这些列：办理事项、适用地区、办理结论。没有“编号”列的表，这几列都要有。"
    ]


def test_what_a_file_lacks_can_be_given_for_all_rows(tmp_path):
    path = text_file(tmp_path / "a.csv", HEAD[:2], GOOD[:2])
    fields = one(path, given={"办理结论": "需提供", "region": "江干区"})
    assert fields["status"] == "retained" and fields["region"] == "上城区" and fields["region_code"]
    for wrong in ({"价格": "1"}, {"办理结论": "也许"}, {"适用地区": "火星"}):
        with pytest.raises(CatalogueError):
            read(path, given=wrong)


def test_a_table_with_ids_may_hold_a_few_columns_only(tmp_path):
    path = text_file(tmp_path / "a.csv", ["编号", "失效日期"], ["Ｆ００１", "2025/3/4"], ["f0362", ""])
    table = read(path)
    assert [(r.id, r.fields) for r in table.rows] == [
        ("F001", {"valid_until": "2025-03-04"}),
        ("F0362", {"valid_until": ""}),
    ]


def test_every_fitting_sheet_is_read_and_the_others_are_named(tmp_path):
    path = save(
        tmp_path / "a.xlsx",
        ("民政", [HEAD, GOOD]),
        ("价目", [["价格", "备注"], ["1", "2"]]),
        ("教育", [HEAD[::-1], GOOD[::-1]]),
    )
    table = read(path)
    assert [(r.sheet, r.row) for r in table.rows] == [("民政", 2), ("教育", 2)]
    assert table.rows[0].fields == table.rows[1].fields
    assert table.notices == ["工作表“价目”没有认出表头，没有读。"]


def test_hidden_sheets_are_noted_and_hidden_rows_are_read(tmp_path):
    path = save(tmp_path / "a.xlsx", ("一", [HEAD, GOOD, GOOD]), ("二", [HEAD, GOOD]))
    book = openpyxl.load_workbook(path)
    book["二"].sheet_state = "veryHidden"
    book["一"].row_dimensions[3].hidden = True
    book.save(path)
    table = read(path)
    assert len(table.rows) == 2
    assert table.notices == [
        "工作表“一”里有 1 行是隐藏或筛掉的，也读了。",
        "工作表“二”是隐藏的，没有读。",
    ]


# Values


@pytest.mark.parametrize(
    ("value", "day"),
    [("2025-03-04", "2025-03-04"), ("2025/3/4", "2025-03-04"), ("2025.3.4", "2025-03-04"), ("2025年3月4日", "2025-03-04"),
     ("２０２５年３月４号", "2025-03-04"), ("20250304", "2025-03-04"), ("45720", "2025-03-04"), (45720, "2025-03-04"), (45720.5, "2025-03-04"),
     (20250304, "2025-03-04"), (datetime.date(2025, 3, 4), "2025-03-04"), (datetime.datetime(2025, 3, 4, 9, 30), "2025-03-04"),
     ("2025-03-04 00:00:00", "2025-03-04"), ("2025-03-04T00:00", "2025-03-04"), ("二〇二五年三月四日", "2025-03-04"),
     ("二○一九年十二月三十一日", "2019-12-31"), ("二〇二〇年十月二十日", "2020-10-20"), (" 2024-02-29 ", "2024-02-29"),
     ("长期", ""), ("-", ""), ("无", ""), (None, "")],
)  # fmt: skip
def test_days_as_they_are_written(tmp_path, value, day):
    assert cell(tmp_path, "失效日期", value) == day


@pytest.mark.parametrize(
    ("value", "message"),
    [("2025-13-40", "“2025-13-40”不是日期"), ("2023-02-29", "不是日期"), ("明年", "不是日期"), ("3/4/2025", "不是日期"), ("25-3-4", "不是日期"),
     ("2025年3月", "没有写到日"), ("2025", "没有写到日"), (2025, "没有写到日"), ("2025-03", "没有写到日"), ("1899-12-31", "1900"), ("2200-01-01", "2200"),
     (-5, "不是日期"), (1e300, "不是日期"), ("二〇二五年十三月一日", "不是日期"), (True, "不是日期"), (datetime.time(3, 4), "不是"),
     ("9" * 3999, "不是日期")],
)  # fmt: skip
def test_what_is_no_day_is_said_with_its_place(tmp_path, value, message):
    path = save(tmp_path / "a.xlsx", ("证明清单", [[*HEAD, "失效日期"], GOOD, [*GOOD, value]]))
    (fault,) = faults(path)
    assert fault.startswith("工作表“证明清单”第 3 行“失效日期”：") and message in fault and len(fault) < 200


def test_days_in_reverse(tmp_path):
    path = text_file(tmp_path / "a.csv", [*HEAD, "生效日期", "失效日期"], [*GOOD, "2025-02-01", "2025-01-31"])
    assert faults(path) == ["第 2 行“失效日期”：生效日期 2025-02-01 在失效日期 2025-01-31 之后。"]


@given(st.dates(datetime.date(1927, 5, 18), datetime.date(2173, 10, 13)))
def test_every_serial_number_of_excel_is_its_day(day):
    serial = (day - datetime.date(1899, 12, 30)).days
    assert table_columns.read_day(float(serial)) == table_columns.read_day(str(serial)) == day.isoformat()


@given(st.text(max_size=12) | st.from_regex(r"[0-9〇二十]{1,8}[-/.年]?[0-9十]{0,3}[-/.月]?[0-9十]{0,3}日?"))
def test_any_text_is_a_day_or_a_fault(text):
    try:
        day = table_columns.read_day(text)
    except table_columns.CellFault:
        return
    assert day == "" or datetime.date.fromisoformat(day)


@pytest.mark.parametrize(
    ("value", "region"),
    [("杭州市", ("杭州市", "330100")), ("杭州", ("杭州市", "330100")), ("杭州市西湖区", ("杭州市西湖区", "330106")), ("浙江省杭州市西湖区", ("浙江省杭州市西湖区", "330106")),
     ("浙江省", ("浙江省", "330000")), ("全国", ("全国", "000000")), ("全省", ("浙江省", "330000")), ("江干区", ("上城区", "330102")), ("下城区", ("拱墅区", "330105")),
     ("义乌", ("义乌市", "330782")), ("330100", ("杭州市", "330100")), (330100, ("杭州市", "330100")), ("３３０１００", ("杭州市", "330100")),
     ("330106000000", ("西湖区", "330106")), ("杭州市 西湖区", ("杭州市 西湖区", "330106")), ("温州市鹿城區", ("鹿城区", "330302")), ("北京市", ("北京市", "110000")),
     ("南京市鼓楼区", ("南京市鼓楼区", "320106")), ("江北区", ("江北区", "330205"))],
)  # fmt: skip
def test_places_as_they_are_written(tmp_path, value, region):
    path = save(tmp_path / "a.xlsx", ("表", [HEAD, [*GOOD[:2], value, "取消"]]))
    fields = one(path)
    assert (fields["region"], fields["region_code"]) == region


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [("火星", "", "没有找到“火星”"), ("杭州市、宁波市", "", "不止一个地区"), ("鼓楼区", "", "不止一个，请带上市名"), ("999999", "", "没有代码是“999999”"),
     ("杭州市", "330200", "和地区代码 330200（宁波市）不一致"), ("", "", "没有填"), ("杭州市本级", "", "没有找到")],
)  # fmt: skip
def test_what_is_no_place(tmp_path, name, code, message):
    path = text_file(tmp_path / "a.csv", [*HEAD, "地区代码"], [*GOOD[:2], name, "取消", code])
    (fault,) = faults(path)
    assert message in fault and "第 2 行" in fault


def test_a_code_says_which_of_several_places(tmp_path):
    path = text_file(tmp_path / "a.csv", [*HEAD, "地区代码"], [*GOOD[:2], "鼓楼区", "取消", "320106"])
    fields = one(path)
    assert (fields["region"], fields["region_code"]) == ("鼓楼区", "320106")


@pytest.mark.parametrize(
    ("value", "status"),
    [("取消", "cancelled"), ("不再索要", "cancelled"), ("无需提供", "cancelled"), ("無需提供", "cancelled"), ("保留", "retained"), ("需提供", "retained"),
     ("告知承诺", "pledge"), (" 告知 承诺 ", "pledge"), ("数据共享", "data_sharing"), ("数据核验", "data_sharing"), ("部门核查", "verification"), ("协查", "verification"),
     ("公安不出具", "not_issued_by_police"), ("村（居）不出具", "not_issued_by_village"), ("PLEDGE", "pledge"), ("not_issued_by_police", "not_issued_by_police")],
)  # fmt: skip
def test_statuses_as_they_are_written(tmp_path, value, status):
    assert cell(tmp_path, "状态", value) == status


def test_an_unknown_word_is_said_with_those_that_may_stand_there(tmp_path):
    path = text_file(tmp_path / "a.csv", HEAD, [*GOOD[:3], "也许"])
    assert faults(path) == [
        "第 2 行“办理结论”：不认得“也许”。可以填：需提供、取消、告知承诺、数据共享、部门核查、公安不出具、村居不出具。"
    ]


@pytest.mark.parametrize(
    ("heading", "value", "items"),
    [("别名", "甲、乙；丙;丁\n戊|己", tuple("甲乙丙丁戊己")), ("别名", " 甲 、、 ", ("甲",)), ("别名", '["甲、乙"]', ("甲、乙",)), ("别名", "[甲]", ("[甲]",)),
     ("适用条件", "本人、配偶有户籍；满一年", ("本人、配偶有户籍", "满一年")), ("可选路径", "告知承诺、自行开具", ("pledge", "obtain")), ("可选路径", "pledge|出示证件", ("pledge", "present")),
     ("推断字段", "设定依据、data_source、证明名称的写法", ("legal_basis", "data_source", "证明名称的写法")), ("相关编号", "f001，F002 F003", ("F001", "F002", "F003"))],
)  # fmt: skip
def test_lists_as_they_are_written(tmp_path, heading, value, items):
    assert cell(tmp_path, heading, value) == items


@pytest.mark.parametrize(
    ("heading", "value", "message"),
    [("可选路径", "飞过去", "不认得“飞过去”"), ("相关编号", "1、2", "“1”不是编号"), ("编号", "12", "“12”不是编号"), ("可信度", "极高", "高、中、低"), ("来源类型", "听说", "官方网页"),
     ("备注", "长" * 4001, "有 4001 个字，最多 4000 个"), ("备注", "a_x0000_b", "控制字符"), ("备注", "a\u202eb", "控制字符")],
)  # fmt: skip
def test_what_a_cell_cannot_hold(tmp_path, heading, value, message):
    path = save(tmp_path / "a.xlsx", ("表", [[*HEAD, heading], [*GOOD, value]]))
    (fault,) = faults(path)
    assert message in fault and f"第 2 行“{columns()[heading_field(heading)].heading}”" in fault


def test_empty_cells_of_columns_with_a_default_say_nothing(tmp_path):
    path = text_file(tmp_path / "a.csv", [*HEAD, "类别", "领域", "可信度", "备注"], [*GOOD, "", "", "", ""])
    assert set(one(path)) == {"proof", "matter", "region", "region_code", "status", "note"}


def test_numbers_keep_the_look_that_people_know(tmp_path):
    assert cell(tmp_path, "备注", 12.0) == "12" and cell(tmp_path, "备注", 0.5) == "0.5"
    assert cell(tmp_path, "来源日期", 2018) == "2018" and cell(tmp_path, "来源日期", 45720) == "2025-03-04"
    assert cell(tmp_path, "来源日期", "45720") == "45720"
    assert cell(tmp_path, "来源日期", datetime.date(2025, 3, 4)) == "2025-03-04"


def test_every_fault_of_a_file_is_gathered(tmp_path):
    path = text_file(
        tmp_path / "a.csv", [*HEAD, "编号", "失效日期"], ["", "", "火星", "也许", "x", "y"], GOOD, ["a", "b"]
    )
    found = faults(path)
    assert (
        len(found) == 8
        and sum("第 2 行" in f for f in found) == 6
        and sum("第 4 行" in f for f in found) == 2
    )


def test_faults_are_bounded_and_the_rest_is_counted(tmp_path):
    path = text_file(tmp_path / "a.csv", HEAD, *[[*GOOD[:3], "也许"]] * 700)
    found = faults(path)
    assert len(found) == 501 and found[-1] == "还有 200 处错误没有列出来，先改好上面的再试。"


# Traps of spreadsheets


def test_merged_cells_fill_what_they_cover(tmp_path):
    rows = [HEAD, GOOD, [None, "申请救助", None, "保留"], [None, "申请补贴", None, "承诺"]]
    path = save(tmp_path / "a.xlsx", ("表", rows))
    book = openpyxl.load_workbook(path)
    book["表"].merge_cells("A2:A4")
    book["表"].merge_cells("C2:C4")
    book.save(path)
    table = read(path)
    assert not table.faults and [r.fields["proof"] for r in table.rows] == ["收入证明"] * 3
    assert [r.fields["status"] for r in table.rows] == ["cancelled", "retained", "pledge"]


def test_headings_of_two_storeys(tmp_path):
    rows = [["证明名称", "办理事项", "单位", None, "适用地区", "办理结论"], [None, None, "索要单位", "开具单位", None, None],
            ["收入证明", "申请低保", "甲", "乙", "全国", "取消"]]  # fmt: skip
    path = save(tmp_path / "a.xlsx", ("表", rows))
    book = openpyxl.load_workbook(path)
    for area in ("A1:A2", "B1:B2", "C1:D1", "E1:E2", "F1:F2"):
        book["表"].merge_cells(area)
    book.save(path)
    fields = one(path)
    assert (fields["demanding_authority"], fields["issuing_authority"], fields["region_code"]) == (
        "甲",
        "乙",
        "000000",
    )


def test_a_banner_across_the_table_is_said(tmp_path):
    path = save(tmp_path / "a.xlsx", ("表", [HEAD, ["一、民政局"], GOOD]))
    book = openpyxl.load_workbook(path)
    book["表"].merge_cells("A2:D2")
    book.save(path)
    assert faults(path) == ["工作表“表”第 2 行：这一行只有一个横向合并的格子，像是分段的标题，请删掉这一行。"]


def test_totals_at_the_end_are_passed_over_and_elsewhere_are_faults(tmp_path):
    path = text_file(
        tmp_path / "a.csv",
        ["序号", *HEAD],
        ["1", *GOOD],
        ["合计", "1项", "", "", ""],
        ["", "", ""],
        ["", "填表人：张三"],
    )
    table = read(path)
    assert not table.faults and len(table.rows) == 1
    assert table.notices == [
        "第 3 行像是合计或落款，没有读。",
        "第 5 行像是合计或落款，没有读。",
    ]
    path = text_file(tmp_path / "a.csv", ["序号", *HEAD], ["小计", "", "", "", "1"], ["1", *GOOD])
    assert "第 2 行“证明名称”：没有填。" in faults(path)


def test_a_proof_that_begins_like_a_total_is_read(tmp_path):
    assert one(text_file(tmp_path / "a.csv", HEAD, ["合计收入证明", *GOOD[1:]]))["proof"] == "合计收入证明"


def xml(path, part, change):
    """Rewrite one part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_a_formula_gives_the_value_it_had_and_without_one_is_a_fault(tmp_path):
    path = save(
        tmp_path / "a.xlsx",
        ("表", [[*HEAD, "备注"], [*GOOD, "=1+1"], [*GOOD, '="文"'], [*GOOD, "=A1"], [*GOOD, '=""']]),
    )

    def computed(content):
        # With lxml at hand openpyxl puts both otherwise.
        content = re.sub(rb"<v ?/>|<v></v>", b"<v />", content)
        content = re.sub(rb"&#(\d+);", lambda m: chr(int(m[1])).encode(), content)
        content = content.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")
        content = content.replace(b'<c r="E5">', b'<c r="E5" t="str">')
        return content.replace('<c r="E3"><f>"文"</f><v />'.encode(), b'<c r="E3" t="str"><f>x</f><v>x</v>')

    table = read(xml(path, SHEET, computed))
    assert [r.fields["note"] for r in table.rows] == ["2", "x", ""]
    assert [str(f) for f in table.faults] == [
        "工作表“表”第 4 行“备注”：公式没有算出结果，请在 Excel 里打开、重算并保存，或者改成文字。"
    ]


def test_merged_cells_beyond_all_measure_are_no_harm(tmp_path):
    path = save(tmp_path / "a.xlsx", ("表", [HEAD, GOOD]))
    areas = b"".join(b'<mergeCell ref="%s"/>' % a for a in (b"E3:XFD1048576", b"A1:A1", b"B9:A1"))
    end = b"</sheetData><mergeCells>" + areas + b"</mergeCells>"
    assert one(xml(path, SHEET, lambda c: c.replace(b"</sheetData>", end)))["proof"] == "收入证明"


def test_merged_cells_over_each_other_without_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "CELL_LIMIT", 1000)
    path = save(tmp_path / "a.xlsx", ("表", [HEAD, *[GOOD] * 40]))
    end = b"</sheetData><mergeCells>" + b'<mergeCell ref="A2:D41"/>' * 20 + b"</mergeCells>"
    assert "已损坏" in faults(xml(path, SHEET, lambda c: c.replace(b"</sheetData>", end)))[0]


def test_an_error_for_a_value_is_said(tmp_path):
    path = save(tmp_path / "a.xlsx", ("表", [[*HEAD, "备注", "价格"], [*GOOD, "#REF!", "#N/A"]]))
    assert faults(path) == ["工作表“表”第 2 行“备注”：格子里是公式错误（#REF!）。"]


def test_styles_far_below_are_no_rows_but_values_are_too_many(tmp_path):
    path = save(tmp_path / "a.xlsx", ("表", [HEAD, GOOD]))
    book = openpyxl.load_workbook(path)
    book["表"]["D1048576"].font = openpyxl.styles.Font(bold=True)
    book.save(path)
    assert one(path)["proof"] == "收入证明"
    book["表"]["D1048576"] = "x"
    book.save(path)
    assert "行数太多" in faults(path)[0]
    book["表"]["D1048576"] = None
    book["表"]["ZZ2"] = "x"
    book.save(path)
    assert "列数太多" in faults(path)[0]


def test_more_rows_than_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "ROW_LIMIT", 20)
    assert "行数太多，最多 20 行" in faults(text_file(tmp_path / "a.csv", HEAD, *[GOOD] * 40))[-1]
    lines = "\n".join(json.dumps(ROWS[0].json()) for _ in range(40))
    (tmp_path / "a.jsonl").write_text(lines)
    assert "行数太多" in faults(tmp_path / "a.jsonl")[-1]


# Encodings and kinds of files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_the_usual_encodings(tmp_path, encoding, delimiter):
    path = text_file(tmp_path / "a.csv", HEAD, GOOD, encoding=encoding, delimiter=delimiter)
    assert one(path)["proof"] == "收入证明"


def test_a_gbk_character_of_four_bytes(tmp_path):
    path = text_file(tmp_path / "a.csv", HEAD, ["㐀证明", *GOOD[1:]], encoding="gb18030")
    assert one(path)["proof"] == "㐀证明"


def test_mixed_encodings_are_a_fault(tmp_path):
    lines = [",".join(HEAD).encode(), ",".join(GOOD).encode("gbk"), ",".join(GOOD).encode()]
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines))
    assert faults(tmp_path / "a.csv") == [
        "文件里混用了两种编码：第 1 行是 UTF-8，第 2 行不是。请统一另存为 UTF-8 再导入。"
    ]
    (tmp_path / "b.csv").write_bytes(b"\n".join(lines[1:2] * 3 + lines[2:]))
    assert "第 4 行是 UTF-8，第 1 行不是" in faults(tmp_path / "b.csv")[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "文件是空的"), (b"\xef\xbb\xbf \n", "文件是空的"), (b"a\0b", "空字节"), (b"\xff\xfea\0\0\0", "空字节"), ("证\n".encode() + b"\xff\xff\xff", "编码"),
     (b"ab\n\x81", "第 2 行的文字既不是"), (b"\xff\xfe\x00\xd8\x00", "编码"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "旧式的 Excel 文件"),
     (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "加了密码"), (b"PK\x03\x04 no zip", "已损坏"), (b"PK", "已损坏"),
     (b"<html><table><tr><td>x</td></tr></table>", "网页格式"), (b"<?xml version='1.0'?><Workbook/>", "网页格式"), (b"hello", "没有认出表头"),
     (b"{", "第 1 行：不是正确的 JSON"), (b"{}", "没有读到任何一行"), (b'{"proof": 1}\n[]', "第 2 行：每一行应当是一个 JSON 对象"),
     (b'{"proof": "a", "proof": "b"}', "“proof”写了两次"), (b'{"a":' + b"[" * 100_000, "不是正确的 JSON")],
)  # fmt: skip
def test_files_that_are_no_tables_are_named_for_what_they_are(tmp_path, content, message):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    assert message in faults(path)[-1]


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    assert "打不开这个文件" in faults(tmp_path / "none.csv")[0]
    assert "打不开这个文件" in faults(tmp_path)[0]


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as handle:
        handle.truncate(200 * 2**20)
    assert faults(path) == ["文件太大：200 MB，最多 50 MB。请拆成几个文件。"]
    with path.open("r+b") as handle:
        handle.write(b"\xef\xbb\xbf{}")
    assert faults(path) == ["文件太大：200 MB，最多 150 MB。请拆成几个文件。"]


def test_quotes_that_do_not_pair(tmp_path):
    path = text_file(tmp_path / "a.csv", HEAD, GOOD, ['"' + GOOD[0], *GOOD[1:]])
    table = read(path)
    assert table.rows == [] and "第 3 行：引号没有配对" in str(table.faults[0])
    path = text_file(tmp_path / "a.csv", HEAD, ['"' + "长" * 200_000 + '"', *GOOD[1:]])
    assert "引号没有配对" in faults(path)[0]


def test_the_content_counts_and_not_the_name(tmp_path):
    path = text_file(tmp_path / "a.xlsx", HEAD, GOOD)
    assert one(path)["proof"] == "收入证明"
    save(tmp_path / "b.csv", ("表", [HEAD, GOOD]))
    assert one(tmp_path / "b.csv")["proof"] == "收入证明"


def test_json_lines_with_chinese_names(tmp_path):
    record = {"证明名称": "甲", "办理事项": "乙", "适用地区": "330100", "状态": "承诺", "别名": ["子、丑", " 寅 "], "价格": {"a": 1}, "生效日期": "2025/1/2", "备注": None}  # fmt: skip
    (tmp_path / "a.jsonl").write_text(
        json.dumps(record) + "\n\n" + json.dumps({**record, "编号": "示例"}), encoding="utf-8"
    )
    table = read(tmp_path / "a.jsonl")
    assert not table.faults and len(table.rows) == 1
    fields = table.rows[0].fields
    assert (
        fields["aliases"] == ("子、丑", "寅")
        and fields["valid_from"] == "2025-01-02"
        and fields["note"] == ""
    )
    assert table.notices == ["“价格”这一列不认得，没有读。", "有 1 行示例，没有读。"]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"proof": {"a": 1}}, "第 1 行“证明名称”：内容不是文字"), ({"aliases": [1]}, "别名”：内容不是文字"), ({"aliases": {"a": 1}}, "内容不是文字"), ({"note": "a\0"}, "控制字符"),
     ({"证明事项": "甲"}, "“证明名称”写了两次"), ({"paths": ["fly"]}, "不认得“fly”"), ({"matter": []}, "内容不是文字"), ({"see_also": ["x"]}, "不是编号")],
)  # fmt: skip
def test_json_values_of_the_wrong_kind(tmp_path, change, message):
    (tmp_path / "a.jsonl").write_text(json.dumps({**ROWS[0].json(), **change}))
    found = faults(tmp_path / "a.jsonl")
    assert len(found) == 1 and message in found[0]


# Hostile workbooks


def packed(parts, **options):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return made.getvalue()


@pytest.fixture
def book(tmp_path):
    return save(tmp_path / "book.xlsx", ("表", [HEAD, GOOD]))


def test_a_zip_bomb_is_not_unpacked(tmp_path, book):
    bomb = xml(
        book, SHEET, lambda c: c.replace(b"<sheetData>", b"<!--" + b" " * 60_000_000 + b"--><sheetData>")
    )
    assert bomb.stat().st_size < 200_000
    assert faults(bomb) == ["文件解压后异常地大，不予读取。"]


def test_a_small_part_that_is_large_is_not_unpacked(book):
    bomb = xml(book, "xl/workbook.xml", lambda c: c + b" " * 5_000_000)
    assert faults(bomb) == ["文件解压后异常地大，不予读取。"]


def test_a_zip_that_lies_about_its_sizes(book):
    xml(book, SHEET, lambda c: c + b"\n" * 3_000_000)
    content = bytearray(book.read_bytes())
    with zipfile.ZipFile(book) as archive:
        size = archive.getinfo(SHEET).file_size
    at = content.rfind(size.to_bytes(4, "little"))
    content[at : at + 4] = (1000).to_bytes(4, "little")
    book.write_bytes(content)
    assert faults(book) == [
        "Excel 文件已损坏，或者不是标准格式。请用 Excel 或 WPS 打开，另存为 .xlsx 再导入。"
    ]


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "[Content_Types].xml", "xl/styles.xml"])
def test_entities_are_not_expanded(book, part):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'

    def change(content):
        return content.replace(b"?>", b"?>" + bomb, 1) if b"?>" in content else bomb + content

    assert faults(xml(book, part, change)) == ["Excel 文件里有不该有的内容（XML 实体定义），不予读取。"]


def test_two_parts_of_one_name_are_refused(tmp_path, book):
    with zipfile.ZipFile(book) as archive:
        parts = [(n, archive.read(n)) for n in archive.namelist()]
    with pytest.warns(UserWarning):
        book.write_bytes(packed([*parts, (SHEET, b"<worksheet/>")]))
    assert "已损坏" in faults(book)[0]


def test_other_archives_are_no_workbooks(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(packed([("word/document.xml", "<w/>"), ("[Content_Types].xml", "<Types/>")]))
    assert faults(path) == ["这是压缩包或别的文档，不是 Excel 工作簿（.xlsx）。"]


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"])
@pytest.mark.parametrize(
    "change", [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: b"\0" * 100, lambda c: b"<a/>"]
)
def test_broken_parts_never_raise(book, part, change):
    table = read(xml(book, part, change))
    assert table.faults or table.rows


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory):
    """The bytes of a table in each format, the same for every example."""
    path = tmp_path_factory.mktemp("whole") / "rows"
    made = []
    for format in FORMATS:
        write_table(ROWS[:3], path, format)
        made.append(path.read_bytes())
    return made


@given(data=st.data())
def test_no_damage_to_a_file_ever_raises(tmp_path_factory, whole_files, data):
    path = tmp_path_factory.mktemp("damage") / "rows"
    content = bytearray(whole_files[data.draw(st.integers(0, 2))])
    for _ in range(data.draw(st.integers(1, 8))):
        content[int(data.draw(st.floats(0, 1, exclude_max=True)) * len(content))] = data.draw(
            st.integers(0, 255)
        )
    path.write_bytes(content[: int(data.draw(st.floats(0.01, 1)) * len(content))])
    assert all(str(f) for f in read(path).faults)


@given(st.data())
def test_no_damage_to_a_sheet_ever_raises(tmp_path_factory, data):
    path = save(tmp_path_factory.mktemp("damage") / "a.xlsx", ("表", [HEAD, GOOD, GOOD]))
    marks = [b"<c ", b"<v>", b'<row r="2">', b't="inlineStr"', b"<is>", b' r="A2"', b"<sheetData>", b"<t>"]

    def change(content):
        for _ in range(data.draw(st.integers(1, 3))):
            mark = data.draw(st.sampled_from(marks))
            new = data.draw(
                st.sampled_from(
                    [
                        b"",
                        b'<c r="ZZZ9">',
                        b'<row r="x">',
                        b' t="s"',
                        b' s="99"',
                        b' r="A99999999999"',
                        b"<f>",
                    ]
                )
            )
            content = content.replace(mark, new, data.draw(st.integers(1, 3)))
        return content

    table = read(xml(path, SHEET, change))
    assert table.faults or table.rows


# Progress


@pytest.mark.parametrize("format", FORMATS)
def test_progress_is_told_about_every_thousand_rows(tmp_path, format):
    rows = [dataclasses.replace(ROWS[0], id=f"F{n:04d}", proof=f"证明{n}") for n in range(2500)]
    wrote, told = [], []
    write_table(rows, tmp_path / "a", format, lambda *at: wrote.append(at))
    assert wrote == [(1000, 2500), (2000, 2500), (2500, 2500)]
    table = read(tmp_path / "a", progress=lambda *at: told.append(at))
    assert len(table.rows) == 2500 and told[-1] == (2500, 2500) and len(told) == 3
    assert all(total and total >= done for done, total in told)


def test_written_words_are_chinese():
    assert (
        written("status", "pledge") == "告知承诺"
        and written("paths", ("pledge", "obtain")) == "告知承诺；自行开具"
    )
    assert written("inferred", ("data_source", "其他")) == "数据来源；其他"
    assert (
        written("inferred", ("数据来源",)) == '["数据来源"]'
        and written("aliases", ("甲、乙",)) == '["甲、乙"]'
    )
