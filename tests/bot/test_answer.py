"""The typed answer and its form on the wire."""

import pytest

from bot.answer import OUTCOMES, Answer, Reply


def test_the_wire_form():
    verdict = {"kind": "cancelled", "requirement_id": "F1"}
    made = Answer(
        "answered", [Reply("不用交。", [{"title": "a", "payload": "b"}], verdict)], [verdict]
    ).wire()
    assert made == {
        "outcome": "answered",
        "replies": [{"text": "不用交。", "buttons": [{"title": "a", "payload": "b"}], "card": verdict}],
        "verdict": verdict,
        "candidates": [],
        "form": None,
    }


def test_two_verdicts_are_both_there_in_order():
    first, second = {"requirement_id": "F1"}, {"requirement_id": "F2"}
    made = Answer("answered", [Reply("a"), Reply("b")], [first, second]).wire()
    assert made["verdict"] is first and made["verdicts"] == [first, second]


def test_without_a_verdict_it_is_null():
    made = Answer("not_understood", [Reply("?")]).wire()
    assert made["verdict"] is None and "verdicts" not in made


def test_an_outcome_that_the_contract_does_not_know_is_a_mistake():
    with pytest.raises(AssertionError):
        Answer("maybe", []).wire()


def test_the_outcomes_are_those_of_the_contract():
    assert {"answered", "answered_list", "answered_policy", "clarification", "not_listed", "not_understood", "out_of_scope",
            "smalltalk", "form", "form_done", "handoff", "guardrail_abuse", "guardrail_attack", "guardrail_privacy", "error"} == OUTCOMES  # fmt: skip
