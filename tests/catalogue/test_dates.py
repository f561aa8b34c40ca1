"""The days on which rows hold, and what an edition claims to be complete for: whole small catalogues, decided."""

import dataclasses
from datetime import date

import pytest

from proof_catalogue.decide import Question, decide
from proof_catalogue.editions import Editions
from proof_catalogue.store import Catalogue

TODAY = date(2026, 11, 22)


@pytest.fixture
def asked(editions):
    """Return a function that changes F274, publishes, and decides the question about it."""

    def ask(on=TODAY, region="330100", rows=(), text="公司注销要清税证明吗", **changes):
        held = next(r for r in editions.draft().rows if r.id == "F274")
        editions.change("x", rows=[dataclasses.replace(held, **changes), *rows])
        if editions.pending():
            editions.publish("x", "y")
        catalogue = Catalogue(editions.file(editions.get()))
        links = catalogue.linker.link(text)
        return decide(catalogue, Question(links, region, near=catalogue.near(links.text), on=on))

    return ask


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "on", "holds"),
    [
        ("", "", TODAY, True),
        ("2026-11-22", "", TODAY, True),
        ("2026-11-23", "", TODAY, False),
        ("2026-11-23", "", date(2026, 11, 23), True),
        ("", "2026-11-22", TODAY, True),
        ("", "2026-11-21", TODAY, False),
        ("", "2026-11-21", date(2020, 1, 1), True),
        ("2016-09-01", "2026-12-31", TODAY, True),
        ("2016-09-01", "2026-12-31", date(2016, 8, 31), False),
        ("2016-09-01", "2026-12-31", date(2027, 1, 1), False),
    ],
)
def test_a_row_answers_on_its_days_only(asked, valid_from, valid_until, on, holds):
    decision = asked(on=on, valid_from=valid_from, valid_until=valid_until)
    if holds:
        assert (decision.kind, [r.id for r in decision.rows]) == ("answer", ["F274"])
    else:
        assert decision.kind == "not_listed" and "F274" not in {r.id for r in decision.rows}
        assert [r.id for r in decision.dated] == ["F274"]


def test_of_two_versions_the_one_of_the_day_answers(asked, editions):
    held = next(r for r in editions.draft().rows if r.id == "F274")
    later = dataclasses.replace(held, id="F900", status="cancelled", valid_from="2027-01-01", see_also=())
    for on, row_id in ((TODAY, "F274"), (date(2027, 1, 1), "F900")):
        decision = asked(on=on, rows=[later], valid_until="2026-12-31")
        assert (decision.kind, [r.id for r in decision.rows]) == ("answer", [row_id])


def test_nearer_regions_and_their_days(asked, editions):
    held = next(r for r in editions.draft().rows if r.id == "F274")
    city = dataclasses.replace(
        held,
        id="F900",
        status="cancelled",
        region_code="330100",
        region="杭州市",
        valid_from="2026-01-01",
        see_also=(),
    )
    assert [r.id for r in asked(rows=[city]).rows] == ["F900"]
    assert [r.id for r in asked(region="330106").rows] == ["F900"], "a county has its city's rows"
    assert [r.id for r in asked(region="330200").rows] == ["F274"]
    assert [r.id for r in asked(on=date(2025, 1, 1)).rows] == ["F274"], "before its day the wider row holds"


def test_not_listed_knows_whether_the_edition_is_complete(editions, data):
    text = (data / "edition.yml").read_text("utf-8")
    (data / "edition.yml").write_text(
        text + "complete:\n- {region_code: '330100', sector: 市场监管, basis: 清单}\n", encoding="utf-8"
    )
    assert editions.install(data).number == 2
    catalogue = Catalogue(editions.file(editions.get()))
    sector = catalogue.rows["F274"].sector
    links = catalogue.linker.link("公司注销要无犯罪记录证明吗")
    for region, complete in (
        ("330100", sector == "市场监管"),
        ("330106", sector == "市场监管"),
        ("330200", False),
        (None, False),
    ):
        decision = decide(catalogue, Question(links, region, on=TODAY))
        assert (decision.kind, decision.complete) == ("not_listed", complete)


def test_the_words_of_another_day_and_of_a_complete_list(catalogue):
    from bot.answering import _not_listed
    from bot.context import Filled
    from proof_catalogue.decide import Decision
    from proof_catalogue.linker import Links

    row = catalogue.rows["F274"]
    for changes, word in (
        ({"valid_from": "2199-01-01"}, "从2199-01-01起才算数"),
        ({"valid_until": "2020-01-01"}, "到2020-01-01为止"),
    ):
        dated = (dataclasses.replace(row, **changes),)
        answer = _not_listed(
            catalogue, Decision("not_listed", dated=dated, complete=True), Filled(Links(""), "330100")
        )
        assert word in answer.replies[0].text and "第四十四条" in answer.replies[0].text
        assert answer.outcome == "not_listed" and not answer.verdicts
        assert "12345" in answer.replies[0].text
    plain = _not_listed(catalogue, Decision("not_listed"), Filled(Links(""), "330100"))
    assert "第四十四条" not in plain.replies[0].text


def test_the_folder_is_published_once(editions, small_data, folder):
    assert Editions(folder).install(small_data).number == 1
