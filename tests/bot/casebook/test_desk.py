"""Callbacks, feedback, unanswered questions."""

from __future__ import annotations

import pytest

from bot.casebook.casebook import CaseError, CaseFilter

TURNS = [{"who": "citizen", "text": "转人工，我的号码13900001234"}, {"who": "assistant", "text": "好的"}]


def test_a_callback_holds_the_conversation_masked(casebook):
    made = casebook.desk.request_callback("o1", "330106", TURNS, "13900001234")
    assert made.reference.startswith("HH261123-") and made.phone == "13900001234"
    assert made.transcript[0]["text"] == "转人工，我的号码***********"
    again = casebook.desk.request_callback("o1", "330106", [*TURNS, {"who": "citizen", "text": "在吗"}])
    assert again.reference == made.reference and len(again.transcript) == 3 and again.phone == "13900001234"
    listed = casebook.desk.callbacks(CaseFilter(region="330100")).items[0]
    assert (listed.phone, listed.transcript) == ("", ())
    done = casebook.desk.finish_callback(made.reference, "已回电", "chen")
    assert (done.state, done.note) == ("done", "已回电")
    assert casebook.desk.request_callback("o1", "330106", TURNS).reference != made.reference
    with pytest.raises(CaseError, match="wrong_state"):
        casebook.desk.finish_callback(made.reference, "", "chen")


def test_a_telephone_number_is_added_by_its_owner_and_all_is_taken_back(casebook):
    made = casebook.desk.request_callback("o1", "330106", TURNS)
    assert casebook.desk.open_callback("o1").reference == made.reference
    with pytest.raises(CaseError, match="unknown_reference"):
        casebook.desk.set_phone(made.reference, "13900001234", "o2")
    with pytest.raises(CaseError, match="too_long"):
        casebook.desk.set_phone(made.reference, "1" * 41, "o1")
    kept = casebook.desk.set_phone(made.reference, "13900001234", "o1")
    assert kept.phone == "13900001234" and len(kept.transcript) == 2 and "13900001234" not in repr(kept)
    assert casebook.desk.read_callback(made.reference, "chen").phone == "13900001234"
    trail = {e.action for e in casebook.upkeep.audit_trail(made.reference)}
    assert {"phone", "read"} <= trail
    gone = casebook.desk.cancel_callback(made.reference, "o1")
    assert (gone.state, gone.phone, gone.transcript) == ("cancelled", "", ()) and gone.closed_at
    assert casebook.desk.open_callback("o1") is None
    with pytest.raises(CaseError, match="wrong_state"):
        casebook.desk.finish_callback(made.reference, "", "chen")


def test_of_a_long_conversation_the_last_turns_are_kept(local):
    turns = [{"who": "citizen", "text": f"第{n}句"} for n in range(100)]
    kept = local.desk.request_callback("o1", "330106", turns).transcript
    assert len(kept) == 60 and kept[-1]["text"] == "第99句"


def test_the_last_word_of_feedback_counts(casebook):
    casebook.desk.give_feedback("o1", "m1", False, "wrong", "说错了 330106199003070071")
    again = casebook.desk.give_feedback("o1", "m1", True)
    casebook.desk.give_feedback("o2", "m1", False, "unclear")
    assert again.useful and casebook.desk.feedback().total == 2
    with pytest.raises(CaseError, match="bad_value"):
        casebook.desk.give_feedback("o1", "m1", False, "because")


def test_feedback_text_is_masked(local):
    held = local.desk.give_feedback("o1", "m1", False, "wrong", "我的号码330106 1990 0307 0071，错了")
    assert "0071" not in held.text and held.text.endswith("，错了")


def test_questions_in_like_words_are_counted_together(casebook):
    for said in ("办狗证要居住证明吗", "办狗证要居住证明吗？", "办 狗证 要居住证明吗"):
        casebook.desk.note_unanswered(said, "not_listed", "330106")
    casebook.desk.note_unanswered("养老金怎么算", "not_listed")
    casebook.desk.note_unanswered("办狗证要居住证明吗", "not_understood")
    items = casebook.desk.unanswered().items
    assert (items[0].count, items[0].outcome) == (3, "not_listed") and len(items) == 3
    casebook.desk.settle_unanswered(items[0].reference, "chen")
    assert casebook.desk.unanswered().total == 2 and casebook.desk.unanswered("done").total == 1
    assert casebook.desk.note_unanswered("办狗证要居住证明吗", "not_listed").count == 1


def test_an_unanswered_question_is_kept_without_numbers(local):
    assert local.desk.note_unanswered("我的身份证330106199003070071能办吗", "not_understood").question == (
        "我的身份证" + "*" * 18 + "能办吗"
    )
    with pytest.raises(CaseError, match="bad_value"):
        local.desk.note_unanswered("  ", "not_understood")
