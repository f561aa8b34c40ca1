"""What is wrong in the data is found before anybody is told something wrong."""

import time
from datetime import date

import pytest

from proof_catalogue.check import Fault, check, check_content
from proof_catalogue.content import Content, read_folder
from proof_catalogue.faqs import Faq
from proof_catalogue.regions import Regions
from proof_catalogue.requirement import Requirement
from proof_catalogue.store import DATA
from proof_catalogue.vocabulary import Term

TODAY = date(2026, 11, 22)
REGIONS = Regions.load(DATA / "regions.csv")
ROW = {
    "id": "F901", "kind": "proof", "proof": "收入证明", "aliases": [], "matter": "申请公租房", "sector": "住建",
    "region_code": "330100", "region": "杭州市", "status": "cancelled", "source_title": "通知", "source_url": "https://example.cn/a",
    "source_date": "2026-01-05", "source_kind": "official", "legal_basis": "通知第一条",
}  # fmt: skip
FAQ = {
    "id": "Q901",
    "topic": "pledge",
    "question": "要钱吗",
    "answer": "不要",
    "sources": [{"title": "通知"}],
}


def row(**more):
    return Requirement(**{k: tuple(v) if isinstance(v, list) else v for k, v in {**ROW, **more}.items()})


def faq(**more):
    return Faq.parse({**FAQ, **more}, "here")


def term(kind, name, *rows, aliases=()):
    return Term(kind=kind, name=name, aliases=tuple(aliases), cues=(), requirements=tuple(rows))


def faults(*rows, terms=None, faqs=(), conflicts=(), on=TODAY):
    """Return the faults of these rows; each stands under terms of its own names unless `terms` says otherwise."""
    if terms is None:
        terms = [
            term(k, n, *(r.id for r in rows if getattr(r, k) == n))
            for k in ("proof", "matter")
            for n in dict.fromkeys(getattr(r, k) for r in rows)
        ]
    return check_content(Content(list(rows), REGIONS, terms, list(faqs), list(conflicts)), on)


def levels(found):
    return [(f.level, f.subject) for f in found]


def test_the_shipped_data_has_no_errors():
    found = check(DATA, TODAY)
    assert [f for f in found if f.level == "error"] == []
    assert {f.level for f in found} == {"notice"}


def test_a_good_row_has_no_faults():
    assert faults(row()) == []


def test_a_folder_that_cannot_be_read_is_one_error(tmp_path):
    ((level, subject),) = levels(check(tmp_path))
    assert (level, subject) == ("error", tmp_path.name)


# ---- Single rows ----


@pytest.mark.parametrize(
    ("more", "level", "words"),
    [
        ({"source_title": "", "source_url": "", "source_kind": "none"}, "error", "没有来源"),
        ({"source_url": "", "source_kind": "none"}, "notice", "没有公开来源"),
        ({"source_url": "www.example.cn"}, "error", "网址不对"),
        ({"region": "宁波市"}, "error", "代码330100是杭州市"),
        ({"region_code": "339999"}, "error", "没有代码为339999的地区"),
        ({"region_code": "330104", "region": "江干区"}, "notice", "旧代码330104（江干区），现在是330102（上城区）"),
        ({"region_code": "330104", "region": "上城区"}, "notice", "旧代码330104"),
        ({"source_date": "2026-02-30"}, "error", "来源日期不是可能的日期"),
        ({"source_date": "2026-13"}, "error", "来源日期不是可能的日期"),
        ({"source_date": "1066"}, "error", "来源日期不是可能的日期"),
        ({"source_date": "2026-11-23"}, "error", "来源日期在将来"),
        ({"source_date": "2027（见报日期）"}, "error", "来源日期在将来"),
        ({"checked_at": "2026-12-01"}, "error", "来源核对日期在将来"),
        ({"checked_at": "去年"}, "error", "来源核对日期不是可能的日期"),
        ({"valid_from": "2026-02-29"}, "error", "生效日期不是可能的日期"),
        ({"valid_from": "2026-1-2"}, "error", "生效日期不是可能的日期"),
        ({"valid_from": "2026-02-02", "valid_until": "2026-02-01"}, "error", "晚于失效日期"),
        ({"valid_until": "2026-11-21"}, "notice", "已于2026-11-21失效"),
        ({"source_date": ""}, "notice", "来源没有日期"),
        ({"source_date": "2021-11-21"}, "notice", "来源太旧（2021-11-21）"),
        ({"source_date": "2020"}, "notice", "来源太旧（2020）"),
        ({"paths": ["obtain"]}, "error", "已经取消的证明"),
        ({"status": "retained", "paths": ["present"]}, "error", "缺少这种结论自己的路径（obtain）"),
        ({"status": "pledge", "paths": ["obtain", "pledge"]}, "error", "排在去开具"),
        ({"status": "data_sharing", "paths": ["data_sharing", "data_sharing"]}, "error", "写了两次"),
        ({"see_also": ["F999"]}, "error", "参见的F999不存在"),
        ({"conflict": "与F999不一致：以本行为准"}, "error", "没有写明以哪一条为准"),
    ],
)  # fmt: skip
def test_a_fault_of_one_row(more, level, words):
    found = faults(row(**more))
    assert [(f.level, f.subject) for f in found if words in f.message] == [(level, "F901")]
    assert len(found) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"valid_until": "2026-11-22"},
        {"valid_from": "2027-01-01"},
        {"source_date": "2021-11-22"},
        {"source_date": "2021"},
        {"source_date": "2016-08（意见自2016-09-01实施）", "checked_at": "2026-01-01"},
        {"status": "pledge", "paths": ["pledge", "obtain", "data_sharing"]},
        {"status": "retained", "paths": ["present", "obtain"]},
        {"status": "not_issued_by_village", "paths": ["obtain"]},
        {"kind": "document_held", "status": "retained", "paths": ["present"]},
        {"region": "浙江省杭州市"},
    ],
)
def test_what_is_no_fault(more):
    assert faults(row(**more)) == []


def test_how_old_a_source_may_be_is_a_setting():
    content = Content([row(source_date="2024-01-01")], REGIONS, [], [], [])
    assert not [f for f in check_content(content, TODAY, 5) if "太旧" in f.message]
    assert [f for f in check_content(content, TODAY, 2) if "太旧" in f.message]


def test_a_leap_day_is_a_day_to_check_on():
    assert faults(row(), on=date(2028, 2, 29)) == []


# ---- Rows against each other ----


def test_a_duplicate():
    ((level, subject),) = levels(faults(row(), row(id="F902", proof="收入 证明（）")))
    assert (level, subject) == ("error", "F902")


def test_a_duplicate_under_the_old_code_of_the_same_place():
    found = faults(
        row(region_code="330102", region="上城区"), row(id="F902", region_code="330104", region="江干区")
    )
    assert {f.level for f in found if "重复" in f.message} == {"error"}


def test_rows_that_follow_each_other_in_time_are_no_duplicates():
    before = row(valid_until="2026-06-30")
    after = row(id="F902", status="retained", valid_from="2026-07-01")
    assert [f for f in faults(before, after) if f.level == "error"] == []
    found = faults(before, row(id="F902", valid_from="2026-06-30"))
    assert ("error", "F902") in levels(found)


def test_an_overlap_with_the_row_that_lasts_longest_is_found():
    found = faults(row(), row(id="F902", valid_until="2026-01-31"), row(id="F903", valid_from="2026-03-01"))
    assert [f.subject for f in found if "与F901重复" in f.message] == ["F902", "F903"]


def test_a_contradiction_needs_an_entry_that_says_which_prevails():
    one, other = row(), row(id="F902", status="retained", conflict="与F901不一致")
    found = [f for f in faults(one, other) if "矛盾" in f.message]
    assert levels(found) == [("error", "F902")]
    entry = {"rows": ["F901", "F902"], "prevails": "F902"}
    one = row(conflict="与F902不一致")
    assert faults(one, other, conflicts=[entry]) == []


def test_who_may_not_issue_it_does_not_contradict_that_it_is_needed():
    village = row(status="not_issued_by_village")
    assert levels(faults(village, row(id="F902", status="retained"))) == [("notice", "F902")]
    assert faults(village, row(id="F902", status="not_issued_by_police")) == []


def test_another_verdict_in_the_city_or_the_province_is_a_notice():
    found = faults(row(), row(id="F902", region_code="330000", region="浙江省", status="retained"))
    assert [f.level for f in found] == ["notice"] and "结论不同" in found[0].message
    found = faults(row(), row(id="F902", region_code="330000", region="浙江省"))
    assert [f.level for f in found] == ["notice"] and "很像" in found[0].message
    assert faults(row(), row(id="F902", region_code="330200", region="宁波市", status="retained")) == []


def test_a_row_whose_alias_is_the_name_of_another_is_near_it():
    found = faults(row(), row(id="F902", proof="工资流水", aliases=["收入証明"], status="retained"))
    assert [f.level for f in found if "重合" in f.message] == ["notice"]


def test_a_general_rule_is_compared_with_rules_only():
    assert faults(row(), row(id="F902", kind="general_rule", status="retained")) == []


# ---- Names, conflicts, references ----


def test_a_name_of_two_proofs():
    terms = [term("proof", "收入证明", "F901", aliases=["收入单"]), term("proof", "工资证明", aliases=["收入单"]), term("matter", "公租房", "F901")]  # fmt: skip
    assert levels(faults(row(), terms=terms)) == [("error", "收入单")]


def test_an_alias_of_a_row_that_is_the_name_of_another_proof():
    terms = [term("proof", "收入证明", "F901"), term("proof", "房产证明"), term("matter", "公租房", "F901")]
    found = faults(row(aliases=["房产证明"]), terms=terms)
    assert levels(found) == [("notice", "F901")] and "房产证明" in found[0].message


def test_a_row_that_nobody_can_reach():
    assert len(faults(row(), terms=[])) == 2
    assert faults(row(kind="general_rule"), terms=[]) == []


def test_references_that_lead_nowhere():
    terms = [term("proof", "收入证明", "F901", "F999"), term("matter", "公租房", "F901")]
    assert levels(faults(row(), terms=terms)) == [("error", "收入证明")]
    found = faults(row(conflict="见说明"), conflicts=[{"rows": ["F901", "F998"], "prevails": "F998"}])
    assert levels(found) == [("error", "conflicts")]


def test_an_id_that_stands_twice():
    assert ("error", "F901") in levels(faults(row(), row(matter="贷款")))


@pytest.mark.parametrize(
    ("conflicts", "words"),
    [
        ([{"rows": ["F901", "F902"], "prevails": "F903"}], "却不在这一组里"),
        ([{"rows": ["F901", "F902"], "prevails": "F901"}, {"rows": ["F902", "F903"], "prevails": "F903"}], "两组冲突"),
        ([{"rows": ["F901", "F904"], "prevails": "F901"}], "自己却没有说明"),
    ],
)  # fmt: skip
def test_entries_of_conflicts(conflicts, words):
    rows = [row(id=f"F90{n}", proof=f"证明{n}", conflict="" if n == 4 else "见说明") for n in (1, 2, 3, 4)]
    found = faults(*rows, conflicts=conflicts)
    assert [f.level for f in found if words in f.message] == ["error"]


# ---- FAQs ----


@pytest.mark.parametrize(
    ("more", "level", "words"),
    [
        ({"region_code": "339999"}, "error", "没有代码为339999的地区"),
        ({"region_code": "330621"}, "notice", "旧代码330621（绍兴县）"),
        ({"sources": [], "unverified": True}, "notice", "没有来源"),
        ({"valid_until": "2026-11-01"}, "notice", "已于2026-11-01失效"),
        ({"sources": [{"title": "通知", "date": "2027-01-01"}]}, "error", "来源日期在将来"),
    ],
)
def test_a_fault_of_an_faq(more, level, words):
    (found,) = faults(row(), faqs=[faq(**more)])
    assert (found.level, found.subject) == (level, "Q901") and words in found.message
    assert faults(row(), faqs=[faq(**more, state="retired")]) == []


def test_faqs_that_ask_the_same():
    other = {"id": "Q902", "question": "另一句", "variants": ["要 钱 吗？"]}
    assert levels(faults(row(), faqs=[faq(), faq(**other)])) == [("error", "Q902")]
    assert levels(faults(row(), faqs=[faq(), faq(**other, region_code="330200")])) == [("notice", "Q902")]
    assert faults(row(), faqs=[faq(), faq(**other, state="retired")]) == []
    assert faults(row(), faqs=[faq(valid_until="2026-12-31"), faq(**other, valid_from="2027-01-01")]) == []


# ---- Order and time ----


def test_errors_come_first_and_nothing_twice():
    found = faults(row(source_date="2020"), row(id="F902", source_title=""), row(id="F903", matter="贷款"))
    assert [f.level for f in found] == sorted(f.level for f in found)
    assert len(set(found)) == len(found) and all(isinstance(f, Fault) for f in found)


def _seconds(count, same):
    """Return how long a check of `count` rows takes: all alike, or 100 places to each proof."""
    places = [r for r in REGIONS.codes() if r[:2] == "33"][:100]
    rows = [
        row(id=f"F{n + 1000}")
        if same
        else row(
            id=f"F{n + 1000}",
            proof=f"第{n // 100}号证明",
            matter=f"办理{n // 100}",
            region_code=places[n % 100],
            region=REGIONS.get(places[n % 100]).name,
        )
        for n in range(count)
    ]
    start = time.process_time()
    found = check_content(Content(rows, REGIONS, [], [], []), TODAY)
    assert len(found) >= 2 * count
    return time.process_time() - start


@pytest.mark.parametrize("same", [True, False])
def test_time_grows_with_the_rows_and_not_with_their_pairs(same):
    small = _seconds(2000, same)
    assert _seconds(16000, same) < 30 * max(small, 0.02)


def test_a_folder_is_checked_as_what_it_holds(small_data):
    content = read_folder(small_data)
    assert check(small_data, TODAY) == check_content(content, TODAY)
    assert not [f for f in check(small_data, TODAY) if f.level == "error"]
