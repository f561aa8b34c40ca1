"""FAQs: each with its source, faults named by entry."""

from datetime import date

import pytest

from proof_catalogue.errors import CatalogueError
from proof_catalogue.faqs import read_faqs
from proof_catalogue.regions import Regions
from proof_catalogue.store import DATA

GOOD = "- {id: Q901, topic: pledge, question: 什么是承诺, answer: 一张纸, sources: [{title: 规定, url: '', date: ''}]}\n"


def test_the_shipped_faqs():
    faqs = read_faqs(DATA / "faqs.yml")
    regions = Regions.load(DATA / "regions.csv")
    assert len(faqs) >= 30 and len({f.id for f in faqs}) == len(faqs)
    for faq in faqs:
        assert faq.region_code in regions, faq.id
        assert faq.unverified or all(s.get("title") for s in faq.sources), faq.id
        assert faq.question.strip() and faq.answer.strip() and all(v.strip() for v in faq.variants)
        assert not faq.id.startswith("F"), "rows and FAQs share one index"


def test_every_topic_that_an_intent_asks_about_has_faqs():
    from bot.answering import TOPICS

    topics = {f.topic for f in read_faqs(DATA / "faqs.yml")}
    assert {t for some in TOPICS.values() for t in some} <= topics


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "- {id: Q902, topic: x, question: y}", "entry 2.*answer"),
        (GOOD + GOOD, "entry 2.*Q901 stands twice"),
        ("- {id: Q903, topic: x, question: y, answer: z}", "entry 1.*Q903 has no source"),
        (
            "- {id: Q903, topic: x, question: y, answer: z, unverified: true, state: live}",
            "Q903: state is 'live'",
        ),
        ("- {id: Q903, topic: x, question: y, answer: z, unverified: true, version: 0}", "Q903: version 0"),
        (
            "- {id: Q903, topic: x, question: y, answer: z, unverified: true, version: true}",
            "Q903: version True",
        ),
        (
            "- {id: Q903, topic: x, question: y, answer: z, unverified: true, valid_from: '2026-02-30'}",
            "Q903: valid_from '2026-02-30'",
        ),
        (
            "- {id: Q903, topic: x, question: y, answer: z, unverified: true, valid_from: '2026-3-1'}",
            "Q903: valid_from '2026-3-1'",
        ),
        (
            "- {id: Q903, topic: x, question: y, answer: z, unverified: true, valid_from: 2026-03-01, valid_until: 2026-02-01}",
            "Q903: valid_from 2026-03-01 is after",
        ),
        ("- {id: Q903, topic: x, question: y, answer: z, unverified: true, variants: [1]}", "Q903: variants"),
        (
            "- {id: Q903, topic: x, question: y, answer: z, sources: [{url: u}]}",
            "Q903: every source needs a title",
        ),
        (
            "- {id: Q903, topic: x, question: y, answer: z, unverified: true, region_code: '33'}",
            "Q903: region_code '33'",
        ),
        (
            "- {id: Q903, topic: x, question: y, answer: z, unverified: true, colour: red}",
            "unknown field 'colour'",
        ),
        ("- {id: X903, topic: x, question: y, answer: z, unverified: true}", "the id 'X903'"),
        ("- {valid_from: 2026-02-30}", "cannot be read"),
        ("a: b", "must be a list"),
        ("- text", "entry 1"),
        ("- [", "cannot be read"),
    ],
)
def test_the_fault_is_named(tmp_path, text, message):
    path = tmp_path / "faqs.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=rf"faqs\.yml.*{message}"):
        read_faqs(path)


def test_unverified_may_lack_a_source(tmp_path):
    path = tmp_path / "faqs.yml"
    path.write_text("- {id: Q903, topic: x, question: y, answer: z, unverified: true}", encoding="utf-8")
    (faq,) = read_faqs(path)
    assert faq.unverified and faq.sources == ()


def test_state_and_days_decide_whether_an_answer_is_in_force(tmp_path):
    path = tmp_path / "faqs.yml"
    entry = "- {{id: Q90{n}, topic: x, question: y{n}, answer: z, unverified: true, {more}}}\n"
    path.write_text(
        entry.format(n=1, more="version: 3")
        + entry.format(n=2, more="state: draft")
        + entry.format(n=3, more="state: retired")
        + entry.format(n=4, more="valid_from: 2026-01-01, valid_until: '2026-06-30'"),
        encoding="utf-8",
    )
    plain, draft, retired, dated = read_faqs(path)
    day = date(2026, 3, 1)
    assert plain.in_force(day) and plain.version == 3 and plain.state == "published"
    assert not draft.in_force(day) and not retired.in_force(day)
    assert [
        dated.in_force(d)
        for d in (date(2025, 12, 31), date(2026, 1, 1), day, date(2026, 6, 30), date(2026, 7, 1))
    ] == [False, True, True, True, False]


def test_what_rests_on_general_knowledge_is_marked_unverified():
    for faq in read_faqs(DATA / "faqs.yml"):
        if any(w in faq.answer for w in ("12345", "一般知识", "没有核到", "推断")):
            assert faq.unverified, faq.id
        if "12345" in faq.answer:
            assert "一般知识" in faq.answer and "待核实" in faq.answer, faq.id


def test_numbers_that_the_answers_give_are_those_of_the_sources():
    answers = {f.id: f.answer for f in read_faqs(DATA / "faqs.yml")}
    for faq_id, figures in {
        "Q006": ("2017", "69%"),
        "Q013": ("50个", "747类", "17.8亿"),
        "Q015": ("1081项",),
        "Q017": ("30分钟", "24小时"),
        "Q021": ("417项",),
        "Q030": ("60个工作日",),
        "Q033": ("1万到10万", "10万到30万"),
        "Q034": ("2倍到5倍", "第五十五条"),
        "Q036": ("816件",),
        "Q037": ("5年", "第十六条"),
        "Q040": ("5个工作日", "20个工作日"),
        "Q043": ("9项", "省级1项", "杭州6项", "衢州2项", "198项"),
        "Q051": ("2001项", "861项", "613项"),
        "Q052": ("2018年8月17日", "270项"),
        "Q053": ("7285件", "482件"),
        "Q060": ("1221件", "1109件", "495件", "589件"),
        "Q062": ("20类", "9类", "5类", "6类", "2016年9月1日"),
        "Q063": ("20项", "28项"),
        "Q066": ("33类81项", "116项"),
    }.items():
        assert all(f in answers[faq_id] for f in figures), faq_id


def test_what_only_one_city_does_is_not_said_of_the_province():
    answers = {f.id: f.answer for f in read_faqs(DATA / "faqs.yml")}
    assert "金华还会限制" in answers["Q032"] and "浙江还会限制" not in answers["Q032"]
    assert "只是台州" in answers["Q017"]
