"""FAQs: each with its source, faults named by entry."""

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
