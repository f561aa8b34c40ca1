"""Recorded false pledges: objection, repair, expiry."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.casebook.casebook import CaseError, CaseFilter

from .support import ID_NUMBER, NAME, valid_id


def record(casebook, **more):
    given = {
        "region": "330106",
        "source": "某局2026年认定",
        "staff": "chen",
        "found_at": casebook._book.now(),
    }
    return casebook.credit.record_false_pledge(ID_NUMBER, NAME, **{**given, **more})


def test_a_record_counts_for_five_years(casebook, clock):
    made = record(casebook, pledge="CN261123-AAAAAA")
    assert made.until == clock.at.replace(year=2031) and made.handling == "refused"
    assert [r.reference for r in casebook.credit.counting(ID_NUMBER.lower())] == [made.reference]
    assert casebook.credit.counting(valid_id(99)) == []
    clock.at = made.until - timedelta(seconds=1)
    assert casebook.credit.counting(ID_NUMBER)
    clock.at = made.until
    assert casebook.credit.counting(ID_NUMBER) == []


def test_the_gravest_record_comes_first(casebook):
    mild, grave = record(casebook, handling="strict"), record(casebook)
    assert [r.reference for r in casebook.credit.counting(ID_NUMBER)] == [grave.reference, mild.reference]


def test_an_objection_is_answered_either_way(casebook):
    made = record(casebook)
    assert casebook.credit.object_to(made.reference, "不是我签的", "chen").state == "objected"
    assert casebook.credit.counting(ID_NUMBER)  # still counts while it is looked into
    assert casebook.credit.decide_objection(made.reference, False, "笔迹一致", "li").state == "in_force"
    casebook.credit.object_to(made.reference, "再次异议", "chen")
    done = casebook.credit.decide_objection(made.reference, True, "查明为他人冒用", "li")
    assert done.state == "struck_out"
    assert casebook.credit.counting(ID_NUMBER) == []
    assert [h["words"] for h in done.history] == ["不是我签的", "笔迹一致", "再次异议", "查明为他人冒用"]


def test_a_repaired_record_no_longer_counts(casebook):
    made = record(casebook)
    assert casebook.credit.repair(made.reference, "已退回补贴", "chen").state == "repaired"
    assert casebook.credit.counting(ID_NUMBER) == [] and len(casebook.credit.of_person(ID_NUMBER)) == 1
    for call in (casebook.credit.repair, casebook.credit.object_to):
        with pytest.raises(CaseError, match="wrong_state"):
            call(made.reference, "", "chen")


def test_the_list_masks_the_name_and_reading_is_audited(casebook):
    made = record(casebook)
    assert casebook.credit.page(CaseFilter(id_number=ID_NUMBER)).items[0].name == "王***"
    assert casebook.credit.read(made.reference, "li").name == NAME
    trail = casebook.upkeep.audit_trail(made.reference)
    assert [(e.actor, e.action) for e in trail] == [("staff:li", "read"), ("staff:chen", "open")]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"handling": "gently"}, "bad_value"),
        ({"source": " "}, "bad_value: source"),
        ({"source": "长" * 201}, "too_long"),
    ],
)
def test_what_cannot_be_recorded_is_refused(local, more, why):
    with pytest.raises(CaseError, match=why):
        record(local, **more)


def test_a_finding_is_not_of_tomorrow(local, clock):
    with pytest.raises(CaseError, match="found_at"):
        record(local, found_at=clock.at + timedelta(days=1))
