"""`mianzheng catalogue` as a legal office uses it: preview, apply, publish, throw away, look back."""

import csv
import json

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from bot.command import cli
from proof_catalogue.editions import Editions

from ..catalogue.conftest import published, small_data  # noqa: F401


@pytest.fixture
def editions(published, tmp_path, monkeypatch):  # noqa: F811
    """Seven rows, published; the command's own."""
    import shutil

    held = Editions(shutil.copytree(published, tmp_path / "var"))
    monkeypatch.setattr("bot.catalogue_command._editions", lambda: held)
    return held


def call(*words, status=0):
    found = CliRunner().invoke(cli, ["catalogue", *map(str, words)], catch_exceptions=False)
    assert found.exit_code == status, found.output
    return found.output


def changed_csv(path, **cells):
    """A table that changes F274."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["编号", *cells], ["F274", *cells.values()]])
    return path


def test_a_preview_changes_nothing_and_apply_only_the_draft(editions, tmp_path):
    file = changed_csv(tmp_path / "a.csv", 备注="新的")
    assert "什么都没有改" in call("import", file) and editions.pending() == []
    assert "已写入草稿" in call("import", file, "--apply", "--author", "张三")
    assert [c.subject for c in editions.pending()] == ["F274"] and len(editions.all()) == 1
    call("edition", "publish", "--note", "改备注", "--author", "张三")
    (newest, _) = json.loads(call("history", "F274", "--json"))
    assert (newest["author"], newest["fields"]["note"][1]) == ("张三", "新的")


def test_what_changes_nothing_says_so_and_nothing_else(editions, tmp_path):
    file = changed_csv(tmp_path / "a.csv", 备注=next(r for r in editions.draft().rows if r.id == "F274").note)
    told = call("import", file, "--apply")
    assert "没有任何改动" in told and "草稿" not in told and editions.pending() == []


def test_a_csv_without_headings_is_not_called_a_sheet(editions, tmp_path):
    (tmp_path / "a.csv").write_text("甲,乙\n丙,丁\n", encoding="utf-8")
    told = call("import", tmp_path / "a.csv", status=1)
    assert "没有认出表头" in told and "工作表" not in told


def test_a_workbook_takes_names_conflicts_and_claims_along(editions, tmp_path):
    file = tmp_path / "all.xlsx"
    call("export", file)
    assert "没有任何改动" in call("import", file, "--whole", "--apply")
    book = load_workbook(file)
    book["完整性声明"].append(["杭州市", "", "全部", "某清单"])
    book["冲突"].append(["F274", "F155"])
    book["别名与说法"].append(["事项", "开饭馆", "开小吃店", "开+饭店", "F274", ""])
    book.save(file)
    told = call("import", file, "--apply", "--author", "李四")
    assert "＋ 别名与说法：事项“开饭馆”" in told and "＋ 冲突：以此为准 F274" in told
    assert "＋ 完整性声明：杭州市 全部" in told
    assert {(c.kind, c.what) for c in editions.pending()} == {
        ("matter", "added"),
        ("conflict", "changed"),
        ("complete", "added"),
    }
    editions.publish("李四", "名称")
    (entry,) = json.loads(call("history", "开饭馆", "--kind", "matter", "--json"))
    assert entry["author"] == "李四"
    (entry,) = json.loads(call("history", "", "--kind", "complete", "--json"))
    assert entry["what"] == "added"
    call("export", tmp_path / "again.xlsx")
    assert "没有任何改动" in call("import", tmp_path / "again.xlsx", "--whole")


def test_one_fault_in_a_list_keeps_everything_out(editions, tmp_path):
    file = tmp_path / "all.xlsx"
    call("export", file)
    book = load_workbook(file)
    book["证明清单"]["C2"] = "改了名字的证明"
    book["冲突"].append(["F274", "F999"])
    book.save(file)
    told = call("import", file, "--apply", status=1)
    assert "工作表“冲突”第 3 行：编号 F999 不在目录里" in told and editions.pending() == []


def test_a_workbook_of_lists_alone_removes_no_rows(editions, tmp_path):
    file = tmp_path / "all.xlsx"
    call("export", file)
    book = load_workbook(file)
    del book["证明清单"], book["别名与说法"]
    book["冲突"].delete_rows(2)
    book.save(file)
    told = call("import", file, "--whole", "--apply")
    assert "－ 冲突：以此为准 F215" in told
    assert len(editions.draft().rows) == 7 and editions.draft().conflicts == []


def test_the_draft_is_thrown_away_only_when_it_is_said_twice(editions, tmp_path):
    call("edition", "discard", status=1)
    call("import", changed_csv(tmp_path / "a.csv", 备注="新的"), "--apply")
    assert "F274" in call("edition", "discard") and editions.pending()
    assert "F274" in call("edition", "discard", "--yes") and editions.pending() == []
