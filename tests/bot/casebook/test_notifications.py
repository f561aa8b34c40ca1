"""The outbox: who is told of what, each once, tried again, settled with its case."""

from __future__ import annotations

import json
import threading

import pytest

from bot.casebook.casebook import CaseFilter
from bot.casebook.notifications import MOST_ATTEMPTS, ROLES

from .support import NAME, REQUIREMENT
from .test_demand_reports import report


def opened(casebook, **more):
    given = {"immediate": True, "handler": "西湖区公安分局", "person": {"name": NAME}, **more}
    return casebook.verifications.open("o1", REQUIREMENT, "330106", **given)


def kinds(casebook, **wanted):
    return {(n.kind, n.state) for n in casebook.notifications.page(CaseFilter(**wanted)).items}


def test_the_handler_is_told_then_reminded_and_the_supervisor_hears_what_is_overdue(casebook, clock):
    asked = opened(casebook)
    casebook.tick(clock.move(minutes=16))
    casebook.tick(clock.move(minutes=16))
    casebook.tick(clock.move(minutes=16))
    items = {n.kind: n for n in casebook.notifications.page().items}
    assert {kind: one.role for kind, one in items.items()} == {
        "verification_opened": "handler",
        "verification_due_soon": "handler",
        "verification_overdue": "supervisor",
    }
    for one in items.values():
        assert (one.case_reference, one.region, one.addressee) == (
            asked.reference,
            "330106",
            "西湖区公安分局",
        )
        assert one.due_at == asked.due_at and one.state == "waiting"
    assert NAME not in json.dumps([vars(n) for n in items.values()], default=str, ensure_ascii=False)


def test_the_desk_is_told_of_reports_and_callbacks_once(casebook):
    report(casebook, "o1")
    report(casebook, "o2")  # joined, and still somebody's report
    casebook.desk.request_callback("o1", "330106", [])
    casebook.desk.request_callback("o1", "330106", [])
    found = [n.kind for n in casebook.notifications.page().items]
    assert sorted(found) == ["callback_requested", "report_received", "report_received"]
    assert casebook.notifications.page(CaseFilter(region="330200")).total == 0


def test_who_is_not_content_is_heard_by_the_supervisor(casebook):
    told = report(casebook)
    casebook.reports.close(told.reference, "explained", "", "chen")
    casebook.reports.rate(told.reference, True)
    assert casebook.notifications.page(CaseFilter(state="waiting")).total == 0
    casebook.reports.rate(told.reference, False)
    (one,) = casebook.notifications.page(CaseFilter(state="waiting")).items
    assert (one.kind, one.role, one.case_reference) == ("report_unsatisfied", "supervisor", told.reference)


def test_what_is_dealt_with_is_settled(casebook):
    asked, told = opened(casebook), report(casebook)
    called = casebook.desk.request_callback("o1", "330106", [])
    taken_back = casebook.desk.request_callback("o2", "330106", [])
    casebook.reports.take_up(told.reference, "chen", region="330110")
    assert kinds(casebook) == {(k, "waiting") for k in ROLES} - {
        ("verification_due_soon", "waiting"),
        ("verification_overdue", "waiting"),
        ("report_unsatisfied", "waiting"),
    }
    casebook.verifications.answer(asked.reference, "confirmed", "", "chen")
    casebook.reports.take_up(told.reference, "chen")
    casebook.desk.finish_callback(called.reference, "", "chen")
    casebook.desk.cancel_callback(taken_back.reference, "o2")
    assert kinds(casebook, state="waiting") == set() and casebook.notifications.take(50) == []


def test_delivered_once_or_tried_again_after_growing_pauses(casebook, clock):
    opened(casebook)
    (one,) = casebook.notifications.take(50)
    assert casebook.notifications.take(50) == []  # somebody is at it
    clock.move(minutes=3)
    (again,) = casebook.notifications.take(50)  # who took it died
    assert again.reference == one.reference
    waited = []
    for _ in range(MOST_ATTEMPTS):
        casebook.notifications.missed(one.reference)
        minutes = 0
        while not casebook.notifications.take(50) and minutes < 90:
            clock.move(minutes=1)
            minutes += 1
        waited.append(minutes)
    assert waited[:4] == [1, 2, 4, 8] and waited[-2] == 60 and waited[-1] == 90
    assert kinds(casebook) == {("verification_opened", "failed")}
    actions = {e.action for e in casebook.upkeep.audit_trail(one.reference)}
    assert actions == {"notify_failed"}


def test_two_processes_deliver_each_one_once(casebook):
    for number in range(30):
        report(casebook, f"o{number}", office=f"第{number}局")
    start, taken = threading.Barrier(4), []

    def take():
        start.wait()
        for _ in range(4):
            for one in casebook.notifications.take(5):
                taken.append(one.reference)
                casebook.notifications.delivered(one.reference)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == len(set(taken)) == 30
    assert kinds(casebook) == {("report_received", "delivered")}


@pytest.mark.parametrize("kind", ROLES)
def test_every_number_fits_and_names_its_case(local, kind):
    from bot.casebook.notifications import notify

    with local._book.writing() as connection:
        notify(local._book, connection, kind, "HC261123-AAAAAA", "330106")
    (one,) = local.notifications.page().items
    assert one.reference.startswith("TZ-HC261123-AAAAAA-") and len(one.reference) <= 32
