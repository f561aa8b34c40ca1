"""What holds of every decision, whatever is asked, wherever, and for whichever day."""

import dataclasses
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof_catalogue.decide import CHOICES, Question, decide, named
from proof_catalogue.linker import Links, Mention

KINDS = {"answer", "list", "ask_matter", "ask_region", "ask_which", "rule", "not_listed", "unknown"}
DAYS = st.dates(date(2000, 1, 1), date(2040, 12, 31))
INTENTS = st.sampled_from(
    ["ask_need_proof", "ask_proof_list", "ask_where_issue", "ask_legal_basis", "inform"]
)


@pytest.fixture(scope="module")
def terms(catalogue):
    return {k: [t for t in catalogue.terms if t.kind == k] for k in ("proof", "matter")}


def mentions(found):
    return tuple(Mention(t, 0, len(t.name), "name", frozenset(range(len(t.name)))) for t in found)


@given(data=st.data(), on=DAYS, wants=INTENTS)
def test_no_row_answers_outside_its_region_or_its_days(catalogue, terms, data, on, wants):
    proofs = data.draw(st.lists(st.sampled_from(terms["proof"]), max_size=2, unique_by=lambda t: t.name))
    matters = data.draw(st.lists(st.sampled_from(terms["matter"]), max_size=2, unique_by=lambda t: t.name))
    region = data.draw(st.none() | st.sampled_from(catalogue.regions.codes()))
    near = data.draw(
        st.dictionaries(st.sampled_from(sorted(catalogue.rows)), st.floats(-1, 1, width=32), max_size=12)
    )
    links = Links("问一句", mentions(proofs), mentions(matters), says_paper=data.draw(st.booleans()))
    question = Question(links, region, wants, near, on)
    decision = decide(catalogue, question)
    assert decision == decide(catalogue, question), "the same question has the same answer"
    assert decision.kind in KINDS
    chain = catalogue.regions.chain(region)
    for row in decision.rows:
        assert row.in_force(on)
        assert row.region_code in chain or (region is None and row.region_code.startswith("33")), row.id
    if decision.kind in ("answer", "list", "rule"):
        assert decision.rows and all(r.region_code in chain for r in decision.rows)
    if decision.kind == "rule":
        assert all(r.kind == "general_rule" for r in decision.rows)
    else:
        assert not any(r.kind == "general_rule" for r in decision.rows)
    if decision.kind.startswith("ask_"):
        assert 1 <= len(decision.rows) <= CHOICES
        assert len({r.id for r in decision.rows}) == len(decision.rows)
    assert not any(r.in_force(on) for r in decision.dated)


@given(data=st.data(), on=DAYS)
def test_a_row_asked_for_by_its_own_names_is_answered_by_it_or_by_one_as_near(catalogue, data, on):
    row = catalogue.rows[data.draw(st.sampled_from(sorted(catalogue.rows)))]
    proofs = [t for t in catalogue.terms_of[row.id] if t.kind == "proof"]
    matters = [t for t in catalogue.terms_of[row.id] if t.kind == "matter" and not t.generic]
    if not proofs or not matters or not row.in_force(on):
        return
    links = Links("问一句", mentions(proofs[:1]), mentions(matters[:1]), says_paper=True)
    decision = decide(catalogue, Question(links, row.region_code, on=on))
    assert decision.kind == "answer"
    (answer,) = decision.rows
    assert {(t.kind, t.name) for t in catalogue.terms_of[answer.id]} >= {
        ("proof", proofs[0].name),
        ("matter", matters[0].name),
    }
    chain = catalogue.regions.chain(row.region_code)
    prevails = catalogue.prevails.get(answer.id) == answer.id
    assert prevails or chain.index(answer.region_code) <= chain.index(row.region_code)


@given(text=st.text(max_size=30), matter=st.none() | st.text(max_size=30), on=DAYS)
def test_any_names_are_taken(catalogue, text, matter, on):
    question = named(catalogue, text, matter, None, on)
    assert decide(catalogue, dataclasses.replace(question, near={})).kind in KINDS
