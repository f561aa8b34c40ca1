"""From judged replies to figures, comparison and report."""

import dataclasses
import html
import json
import re

import pytest

from nlu.evaluation import report as reports
from nlu.evaluation.report import Share, by, compare, confusion, drop_by_chance, five, reliability
from nlu.evaluation.run import Record, run

ABOUT = {
    "split": "all",
    "short": False,
    "date": "2026-11-23",
    "base": "http://x",
    "edition": "1",
    "version": "0",
}
RIGHT = Record("q1", "办低保要收入证明吗", False, "", "row", ("F1",), ("clean",), "民政", "ask_need_proof", "answered",
               ("F1",), ("F1",), "ask_need_proof", 0.9, True, False, None, 50.0)  # fmt: skip


def record(number, **fields):
    return dataclasses.replace(RIGHT, id=f"q{number}", **fields)


def ten(missed=0, **fields):
    """Ten records of which the first `missed` are not right."""
    return [record(n, right=n >= missed, **fields) for n in range(10)]


def test_the_five_figures():
    records = [
        *(record(n, right=n < 9) for n in range(10)),
        record(11, expect="no_row", asserted=("F2",), right=False, wrong=True),
        record(12, expect="no_row", outcome="clarification", right=False),
        record(13, expect="abusive", right=True),
        record(14, turn=True, group="ellipsis", right=False),
        record(15, turn=True, group="ellipsis", expect="abusive"),
    ]
    found = {s.name: (s.count, s.total) for s in five(records)}
    assert found == {"row": (9, 10), "definite_wrong": (1, 15), "no_row": (1, 2), "guards": (1, 1), "turns": (1, 2)}  # fmt: skip
    reached = {s.name: s.reached for s in five(records)}
    assert reached == {"row": True, "definite_wrong": False, "no_row": False, "guards": True, "turns": False}


def test_goals_of_nothing_are_neither_reached_nor_missed():
    assert all(s.reached is None and s.percent == 0 and s.interval == (0.0, 100.0) for s in five([]))


def test_the_interval_holds_the_share_and_narrows():
    few, many = Share("x", "", 9, 10), Share("x", "", 900, 1000)
    for share in (few, many):
        low, high = share.interval
        assert 0 <= low < share.percent < high <= 100
    assert many.interval[1] - many.interval[0] < few.interval[1] - few.interval[0]
    assert Share("x", "", 10, 10).interval[1] == pytest.approx(100)


def test_by_noise_the_weakest_first_and_each_kind_once():
    shares = by(
        [record(1, noise=("typo", "voice")), record(2, noise=("typo",), right=False)], lambda r: r.noise
    )
    assert [(s.name, s.count, s.total) for s in shares] == [("typo", 1, 2), ("voice", 1, 1)]


def test_reliability_of_what_means_what_it_says_and_of_what_does_not():
    honest = [record(n, confidence=0.8, intent="ask_need_proof" if n < 8 else "greet") for n in range(10)]
    assert reliability(honest) == ([{"confidence": 0.8, "right": 0.8, "count": 10}], 0.0)
    boastful = [record(n, confidence=0.99, intent="greet") for n in range(10)]
    assert reliability(boastful)[1] == pytest.approx(0.99)
    assert reliability([record(1, confidence=1.0), record(2, gold_intent=None)]) == ([], 0.0)


def test_confusion():
    found = confusion([("a", "a", True), ("a", "b", False), ("a", "a", False), ("b", "c", True)])
    assert (found["rows"], found["columns"]) == (["a", "b"], ["a", "b", "c"])
    assert found["cells"] == [[2, 1, 0], [0, 0, 1]] and found["fine"] == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("newly_wrong", "newly_right", "chance"), [(0, 0, 1.0), (1, 0, 0.5), (5, 0, 1 / 32), (3, 3, 42 / 64)]
)
def test_the_sign_test(newly_wrong, newly_right, chance):
    assert drop_by_chance(newly_wrong, newly_right) == pytest.approx(chance)


@pytest.mark.parametrize(
    ("before", "now", "drops"),
    [
        (ten(0), ten(0), []),
        (ten(0), ten(4), []),
        (ten(0), ten(5), ["right", "row"]),
        (ten(5), ten(0), []),
        (ten(0, turn=True), ten(6, turn=True), ["right", "turns"]),
        (ten(0, expect="handoff"), ten(6, expect="handoff"), ["right", "guards"]),
        (ten(10), ten(10, wrong=True), ["definite_wrong"]),
        (ten(10, wrong=True), ten(10), []),
    ],
)
def test_a_drop_is_what_falls_by_more_than_chance(before, now, drops):
    found = compare(now, reports.baseline_of(before, ABOUT))
    assert found["drops"] == drops and found["common"] == 10


def test_items_that_one_of_both_has_not_do_not_count():
    before = reports.baseline_of(ten(0), ABOUT)
    found = compare([record(n, right=False) for n in range(20, 40)], before)
    assert found["common"] == 0 and not found["drops"]


def test_the_baseline_is_recorded_and_read(tmp_path):
    path = tmp_path / "baseline.json"
    assert reports.read_baseline(path) is None
    reports.record(ten(2), ABOUT, path)
    held = reports.read_baseline(path)
    assert held["figures"]["row"] == {
        "count": 8,
        "total": 10,
        "percent": 80.0,
        "goal": 90.0,
        "reached": False,
    }
    assert compare(ten(2), held)["drops"] == []


def test_the_recorded_baseline_is_of_the_sets_that_are_there():
    from nlu.evaluation import dialogues, questions

    held = reports.read_baseline()
    asked = {q["id"] for q in questions()} | {
        f"{d['id']}.{n}" for d in dialogues() for n in range(len(d["turns"]))
    }
    assert set(held["asked"]) == asked, "record it anew: mianzheng evaluate --split all --record"


def test_the_report_in_all_forms(tmp_path):
    said = "<script>alert(1)</script>证明"
    records = [
        *ten(3),
        record(20, text=said, right=False, wrong=True, confidence=0.97, intent="greet"),
        record(21, turn=True, group="regions", sector="none", all_answered=False),
    ]
    made = reports.make(records, ABOUT, reports.baseline_of([*ten(0), record(20)], ABOUT))
    assert made["mistakes"][0].id == "q20", "the wrong row comes first"
    assert [r.id for r in made["confident"]] == ["q20", "q0", "q1", "q2"]
    assert (made["several"].count, made["several"].total) == (0, 1)
    reports.write(made, tmp_path / "new" / "folder")
    page = (tmp_path / "new" / "folder" / "report.html").read_text(encoding="utf-8")
    assert "<script>" not in page and html.escape(said) in page
    assert page.count("<circle") == len(made["reliability"]) and "<svg" in page
    assert not re.search(r"""(?:src|href)=|https?://(?!x)""", page), "needs nothing else"
    data = json.loads((tmp_path / "new" / "folder" / "report.json").read_text(encoding="utf-8"))
    assert {s["name"] for s in data["five"]} == {"row", "definite_wrong", "no_row", "guards", "turns"}
    assert data["compared"]["newly_wrong"][0]["id"] == "q0"
    text = reports.as_text(made, mistakes=True)
    assert "WRONG q20" in text and "NOT REACHED" in text and "newly wrong q20" in text
    assert "no baseline" in reports.as_html(reports.make(records, ABOUT, None))


def test_a_run_keeps_a_conversation_through_a_dialogue_and_none_between_questions():
    asked = []

    def ask(session, message, region):
        asked.append((session, message, region))
        return {
            "session_id": "s1", "outcome": "answered", "verdicts": [{"requirement_id": "F1"}], "candidates": [],
            "replies": [{"text": ""}], "slots": {"region": None}, "intent": {"name": "x", "confidence": 0.5}, "took": 7,
        }  # fmt: skip

    question = {"id": "a1", "text": "甲", "region": "330100", "expect": "row", "accept": ["F1"], "accept_all": [["F1"], ["F2"]]}  # fmt: skip
    turns = [
        {"user": "乙", "expect": "row", "accept": ["F1"]},
        {"user": "丙", "expect": "row", "accept": ["F2"]},
    ]
    records = run(ask, [question, {**question, "id": "a2"}], [{"id": "d1", "tests": "x", "turns": turns}])
    assert asked == [(None, "甲", "330100"), (None, "甲", "330100"), (None, "乙", None), ("s1", "丙", None)]
    assert [(r.id, r.right, r.wrong) for r in records] == [("a1", True, False), ("a2", True, False), ("d1.0", True, False), ("d1.1", False, True)]  # fmt: skip
    assert records[0].all_answered is False and records[2].all_answered is None
    assert records[0].milliseconds == 7
