"""The judge of the evaluation sets."""

import pytest

from nlu import evaluation
from nlu.evaluation import answers_all, half, judge


def reply(outcome="answered", asserted=(), offered=(), text=""):
    verdicts = [{"requirement_id": r} for r in asserted]
    return {
        "outcome": outcome,
        "verdict": verdicts[0] if verdicts else None,
        "verdicts": verdicts,
        "candidates": [{"requirement_id": r} for r in offered],
        "replies": [{"text": text}],
    }


def gold(expect="row", accept=("F001",), **more):
    return {"expect": expect, "accept": list(accept), "text": "", **more}


@pytest.mark.parametrize(
    ("wanted", "made", "right", "wrong"),
    [
        (gold(), reply(asserted=["F001"]), True, False),
        (gold(), reply(asserted=["F002"]), False, True),
        (gold(), reply("clarification", offered=["F002", "F001"]), True, False),
        (gold(), reply("clarification", offered=["F002"]), False, False),
        (gold(), reply("not_listed"), False, False),
        (gold(), reply("answered_list", offered=["F002", "F003", "F004", "F001"]), False, False),
        (gold("no_row", ()), reply("not_listed"), True, False),
        (gold("no_row", ()), reply(asserted=["F001"]), False, True),
        (gold("out_of_scope", ()), reply("out_of_scope"), True, False),
        (gold("abusive", ()), reply("guardrail_abuse"), True, False),
        (gold("attack", ()), reply("smalltalk"), False, False),
        (gold("row", alt_expect=["clarification"]), reply("clarification"), True, False),
        (gold("policy", (), must_mention=["12345|热线"]), reply("answered_policy", text="打 12345"), True, False),
        (gold("policy", (), must_mention=["12345"]), reply("answered_policy", text="打热线"), False, False),
        (gold("privacy", (), text="我13812345678"), reply("guardrail_privacy", text="已经隐去"), True, False),
        (gold("privacy", (), text="我13812345678"), reply(text="隐去 13812345678"), False, False),
    ],
)  # fmt: skip
def test_the_judge(wanted, made, right, wrong):
    assert judge(wanted, made, region_known=True) == (right, wrong)


def test_rows_that_count_only_where_no_place_is_known():
    wanted = gold(accept=(), accept_if_region_unknown=["F305"])
    assert judge(wanted, reply(asserted=["F305"]), region_known=False)[0]
    assert not judge(wanted, reply(asserted=["F305"]), region_known=True)[0]


def test_the_halves_are_fixed_and_whole():
    everything = [i["text"] for i in evaluation.questions()]
    parts = [i["text"] for part in ("development", "test") for i in evaluation.questions(part)]
    assert sorted(everything) == sorted(parts)
    assert half("公司注销要清税证明吗") == half("公司注销要清税证明吗")
    assert 0.3 < len(evaluation.questions("test")) / len(everything) < 0.7


def test_the_lookups(catalogue):
    items = evaluation.lookups()
    assert len({(i["q"], i.get("region")) for i in items}) == len(items) >= 400
    assert sum(i["kind"] == "none" for i in items) >= 120
    for item in items:
        known = catalogue.faqs if item["kind"] == "faq" else catalogue.rows
        assert set(item["accept"]) <= set(known) and bool(item["accept"]) == (item["kind"] != "none"), item
        assert item.get("region") is None or item["region"] in catalogue.regions
        assert "split" not in item, "the half follows from the text alone"
    halves = [(name, i) for name in ("development", "test") for i in evaluation.lookups(name)]
    assert len(halves) == len(items) and all(half(i["q"]) == name for name, i in halves)


def test_no_lookup_stands_in_another_set():
    others = {i["text"] for i in evaluation.questions()}
    assert not others & {i["q"] for i in evaluation.lookups()}


def test_each_question_of_a_message_counts():
    wanted = gold(accept=("F001", "F002"), accept_all=[["F001"], ["F002", "F003"]])
    assert answers_all(wanted, reply(asserted=["F001", "F003"]))
    assert answers_all(wanted, reply("clarification", offered=["F002", "F001"]))
    assert not answers_all(wanted, reply(asserted=["F001"]))
