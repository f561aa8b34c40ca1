"""Verification requests: due times, reminders, overdue, answers."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bot.casebook.casebook import CaseError, CaseFilter, find_reference
from bot.casebook.store import CHINA

from .support import NAME, REQUIREMENT, valid_id


def opened(casebook, owner="o1", **more):
    return casebook.verifications.open(owner, REQUIREMENT, "330106", **{"immediate": True, **more})


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def test_a_request_has_a_handler_and_a_due_time(casebook):
    quick, other = opened(casebook), opened(casebook, "o2", immediate=False, handler="西湖区公安分局")
    assert quick.reference.startswith("HC261123-") and quick.state == "open"
    assert (quick.handler, other.handler) == ("公安机关、村居等", "西湖区公安分局")
    assert (quick.due_at, other.due_at) == (at("2026-11-23T09:30"), at("2026-11-24T09:00"))
    assert opened(casebook).reference == quick.reference  # asked again


def test_reminded_once_then_overdue_once(casebook, clock):
    quick = opened(casebook)
    assert casebook.tick(clock.move(minutes=14)).reminded == []
    first = casebook.tick(clock.move(minutes=1))
    assert [v.reference for v in first.reminded] == [quick.reference] and first.escalated == []
    assert casebook.tick(clock.move(minutes=1)).reminded == []
    late = casebook.tick(clock.move(minutes=14))
    assert [v.reference for v in late.escalated] == [quick.reference] and late.reminded == []
    assert casebook.tick(clock.move(hours=1)).escalated == []
    found = casebook.verifications.get(quick.reference)
    assert found.overdue and found.state == "open" and found.escalated_at == at("2026-11-23T09:30")
    assert casebook.verifications.page(CaseFilter(overdue_at=clock.at)).total == 1
    assert casebook.verifications.page(CaseFilter(overdue_at=at("2026-11-23T09:30"))).total == 0


def test_an_answer_reaches_the_citizen_even_late(casebook, clock):
    quick = opened(casebook, person={"name": NAME})
    clock.move(hours=5)
    done = casebook.verifications.answer(quick.reference, "confirmed", "与申请人说的一致", "chen")
    assert (done.state, done.result, done.note, done.overdue) == (
        "answered",
        "confirmed",
        "与申请人说的一致",
        False,
    )
    assert casebook.verifications.of_owner("o1")[0].person == {"name": NAME}
    assert casebook.tick(clock.move(days=3)).escalated == []
    with pytest.raises(CaseError, match="wrong_state"):
        casebook.verifications.answer(quick.reference, "no_record", "", "chen")


def test_a_result_is_told_once(casebook):
    quick = opened(casebook)
    with pytest.raises(CaseError, match="wrong_state"):
        casebook.verifications.mark_told(quick.reference)
    assert casebook.verifications.untold("o1") == []
    casebook.verifications.answer(quick.reference, "confirmed", "", "chen")
    assert casebook.verifications.untold("o1") == [quick.reference]
    assert casebook.verifications.untold("o2") == []
    casebook.verifications.mark_told(quick.reference)
    assert casebook.verifications.untold("o1") == []


def test_refused_with_a_reason(casebook):
    quick = opened(casebook)
    with pytest.raises(CaseError, match="bad_value"):
        casebook.verifications.answer(quick.reference, "maybe", "", "chen")
    with pytest.raises(CaseError, match="unknown_reference"):
        casebook.verifications.answer("HC000000-AAAAAA", "confirmed", "", "chen")
    with pytest.raises(CaseError, match="too_long"):
        opened(casebook, person={"name": "长" * 2001})
    assert casebook.verifications.get("HC000000-AAAAAA") is None


def test_two_people_asked_about_by_one_session_are_two_requests(casebook):
    one = opened(casebook, person={"name": "甲", "id_number": valid_id(1)})
    two = opened(casebook, person={"name": "乙", "id_number": valid_id(2)})
    assert one.reference != two.reference
    assert casebook.verifications.page(CaseFilter(id_number=valid_id(2))).items[0].reference == two.reference


def test_the_list_begins_with_what_is_due_first_and_hides_the_person(casebook, clock):
    later = opened(casebook, "o1", immediate=False, person={"name": NAME})
    clock.move(minutes=5)
    sooner = opened(casebook, "o2")
    items = casebook.verifications.page().items
    assert [i.reference for i in items] == [sooner.reference, later.reference]
    assert items[1].person == {} and casebook.verifications.read(later.reference, "chen").person == {
        "name": NAME
    }
    assert (later.due_at - later.opened_at) == timedelta(hours=24)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("我的核查HC261123-7K3QX9到哪了", "HC261123-7K3QX9"),
        ("hc261123 7k3qx9", "HC261123-7K3QX9"),
        ("ＨＣ２６１１２３－７Ｋ３ＱＸ９ 怎么样", "HC261123-7K3QX9"),
        ("hc 261123-7k3qx9。", "HC261123-7K3QX9"),
        ("编号是cn2611237k3qx9", "CN261123-7K3QX9"),
        ("HC261123", None),
        ("AB261123-7K3QX9", None),
        ("XHC261123-7K3QX9", None),
        ("HC261123-7K3QX9A", None),
    ],
)
def test_a_number_is_found_in_what_is_said(said, found):
    assert find_reference(said) == found
