"""Retention, key rotation, one person's data."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest

from bot.casebook import tables
from bot.casebook.casebook import CasebookError, CaseError, CaseFilter, open_casebook
from bot.casebook.sealing import new_key
from bot.casebook.upkeep import retention_days

from .support import ID_NUMBER, NAME, REQUIREMENT, filled, valid_id
from .test_demand_reports import photo_of, report


def one_of_each(casebook, session="session-one"):
    """Leave a case of every kind under one session; return its owner and the references."""
    owner = casebook.owner_of(session)
    pledge = filled(casebook, session)
    casebook.pledges.submit(pledge.reference)
    person = {"name": NAME, "id_number": ID_NUMBER}
    asked = casebook.verifications.open(owner, REQUIREMENT, "330106", immediate=False, person=person)
    told = report(casebook, owner, contact="王女士 13900001234")
    casebook.reports.add_photo(told.reference, photo_of())
    called = casebook.desk.request_callback(
        owner, "330106", [{"who": "citizen", "text": "转人工"}], "13900001234"
    )
    thought = casebook.desk.give_feedback(owner, "m1", False, "unclear", "看不懂", "330106")
    record = casebook.credit.record_false_pledge(
        ID_NUMBER, NAME, region="330106", source="杭州市某局认定", staff="chen", found_at=casebook._book.now()
    )
    return owner, {
        "pledges": pledge.reference,
        "verifications": asked.reference,
        "demand_reports": told.reference,
        "callbacks": called.reference,
        "feedback": thought.reference,
        "credit_records": record.reference,
    }


def with_keys(settings, *keys):
    return dataclasses.replace(settings, casebook_keys=keys)


def test_rotation_seals_everything_anew_and_old_keys_may_go(database, clock):
    old, new = new_key(), new_key()
    book = open_casebook(with_keys(database, old), clock)
    owner, made = one_of_each(book)
    letter = book.pledges.letter(made["pledges"])
    pdf = book.pledges.document(made["pledges"], "pdf", owner=owner)
    book.close()

    both = open_casebook(with_keys(database, new, old), clock)
    assert both.pledges.page(CaseFilter(id_number=ID_NUMBER)).total == 1  # before the rotation already
    assert both.upkeep.rotate_key() >= 10
    assert both.upkeep.rotate_key() == 0
    both.close()

    book = open_casebook(with_keys(database, new), clock)
    assert book.owner_of("session-one") == owner
    assert book.pledges.get(made["pledges"]).fields["name"] == NAME
    assert book.pledges.letter(made["pledges"]) == letter
    assert book.pledges.check_file(pdf) and book.pledges.check_letter(made["pledges"], letter.code)
    assert book.pledges.document(made["pledges"], "pdf", owner=owner) == pdf
    assert book.verifications.get(made["verifications"]).person["name"] == NAME
    assert book.reports.photo(made["demand_reports"], "chen")[:2] == b"\xff\xd8"
    assert book.reports.get(made["demand_reports"]).contact.startswith("王女士")
    assert book.desk.read_callback(made["callbacks"], "chen").phone == "13900001234"
    assert book.desk.feedback().items[0].text == "看不懂"
    assert [r.reference for r in book.credit.counting(ID_NUMBER)] == [made["credit_records"]]
    for page in (book.pledges.page, book.verifications.page, book.credit.page):
        assert page(CaseFilter(id_number=ID_NUMBER)).total == 1
    book.close()

    with pytest.raises(CasebookError, match="another key"):
        open_casebook(with_keys(database, old), clock)


def test_rotation_refuses_what_was_tampered_with(database, clock):
    old, new = new_key(), new_key()
    book = open_casebook(with_keys(database, old), clock)
    one, two = filled(book), filled(book, "session-two")
    with book._book.writing() as connection:  # one person's answers put in the place of another's
        rows = dict(
            connection.execute(
                tables.pledges.select().with_only_columns(tables.pledges.c.reference, tables.pledges.c.sealed)
            ).all()
        )
        change = tables.pledges.update().where(tables.pledges.c.reference == two.reference)
        connection.execute(change.values(sealed=rows[one.reference]))
    book.close()
    both = open_casebook(with_keys(database, new, old), clock)
    with pytest.raises(CasebookError, match="seal is broken"):
        both.upkeep.rotate_key()
    both.close()


def test_everything_is_erased_when_its_time_is_over_and_not_before(casebook, clock):
    owner, made = one_of_each(casebook)
    casebook.pledges.decide_matter(made["pledges"], "chen")
    casebook.verifications.answer(made["verifications"], "confirmed", "是", "chen")
    casebook.reports.close(made["demand_reports"], "corrected", "已改正", "chen")
    casebook.desk.finish_callback(made["callbacks"], "打过了", "chen")
    casebook.desk.note_unanswered("火星户口怎么办", "not_listed")
    draft = casebook.pledges.start(
        casebook.owner_of("later"), REQUIREMENT, "330106", {"version": "1", "elements": []}
    )
    done, days = {}, {**retention_days(), "credit_records": 5 * 365}
    start = clock.at
    for kind, period in sorted(days.items(), key=lambda x: x[1]):
        assert casebook.upkeep.retire(start + timedelta(days=period)) == {}, kind
        for name, count in casebook.upkeep.retire(start + timedelta(days=period + 3)).items():
            done[name] = done.get(name, 0) + count
    assert done == {
        "pledges": 2, "verifications": 1, "demand_reports": 1, "callbacks": 1, "feedback": 1, "unanswered": 1,
        "credit_records": 1, "notifications": 3,
    }  # fmt: skip
    assert casebook.pledges.get(draft.reference).state == "abandoned"
    left = casebook.pledges.get(made["pledges"])
    assert (left.state, left.fields, left.owner) == ("deleted", {}, "")
    assert casebook.verifications.get(made["verifications"]).person == {}
    assert casebook.reports.get(made["demand_reports"]).why == ""
    assert casebook.reports.photo(made["demand_reports"], "chen") is None
    assert casebook.credit.of_person(ID_NUMBER) == [] and casebook.desk.unanswered().total == 0
    assert casebook.upkeep.export_person(owner=owner) == {}


def test_what_is_still_being_worked_on_is_not_erased(casebook, clock):
    owner = casebook.owner_of("s1")
    open_ = casebook.verifications.open(owner, REQUIREMENT, "330106", immediate=False)
    waiting = report(casebook, owner)
    casebook.upkeep.retire(clock.at + timedelta(days=4000))
    assert casebook.verifications.get(open_.reference).state == "open"
    assert casebook.reports.get(waiting.reference).state == "received"


def test_one_persons_data_is_exported_whole_and_nobody_elses(casebook):
    owner, made = one_of_each(casebook)
    other = filled(casebook, "session-two", id_number=valid_id(88), name="赵无关")
    by_owner = casebook.upkeep.export_person(owner=owner)
    by_number = casebook.upkeep.export_person(id_number=ID_NUMBER, staff="chen")
    assert set(by_owner) == set(made) - {"credit_records"}
    assert set(by_number) == {"pledges", "verifications", "credit_records"}
    text = json.dumps([by_owner, by_number], ensure_ascii=False)
    assert NAME in text and ID_NUMBER in text and "看不懂" in text
    assert "赵无关" not in text and other.reference not in text and "_secret" not in text
    trail = {(e.actor, e.action) for e in casebook.upkeep.audit_trail(made["pledges"])}
    assert {("citizen", "export"), ("staff:chen", "export")} <= trail


def test_one_persons_data_is_erased_on_request_but_for_credit_records(casebook):
    owner, _ = one_of_each(casebook)
    other = filled(casebook, "session-two", id_number=valid_id(88))
    assert casebook.upkeep.delete_person(owner=owner) == {
        "pledges": 1, "verifications": 1, "demand_reports": 1, "callbacks": 1, "feedback": 1,
    }  # fmt: skip
    assert casebook.upkeep.export_person(owner=owner) == {}
    assert casebook.upkeep.delete_person(id_number=ID_NUMBER) == {"kept_credit_records": 1}
    assert casebook.credit.counting(ID_NUMBER)
    assert casebook.pledges.get(other.reference).fields["name"] == NAME


@pytest.mark.parametrize("whom", [{}, {"owner": "a", "id_number": "b"}])
def test_a_person_is_named_by_one_thing(local, whom):
    for call in (local.upkeep.export_person, local.upkeep.delete_person):
        with pytest.raises(CaseError, match="bad_value"):
            call(**whom)


def test_the_clock_job_runs_retention_once_a_day(casebook, clock):
    draft = filled(casebook)
    clock.move(days=31)
    assert casebook.tick().retired == {"pledges": 1}
    assert casebook.pledges.get(draft.reference).state == "abandoned"
    late = filled(casebook)
    assert casebook.tick(clock.at).retired == {} and casebook.pledges.get(late.reference).state == "draft"
    clock.move(days=31)
    assert casebook.tick().retired == {"pledges": 1} and casebook.tick().retired == {}


def test_one_case_is_erased_by_its_number(casebook):
    owner, made = one_of_each(casebook)
    for kind in ("pledges", "verifications", "demand_reports", "callbacks", "feedback"):
        casebook.upkeep.delete_case(made[kind], staff="chen")
        assert casebook.upkeep.audit_trail(made[kind])[0].actor == "staff:chen"
    assert set(casebook.upkeep.export_person(owner=owner)) == set()
    for number in (made["credit_records"], "JB000000-AAAAAA", "nothing"):
        with pytest.raises(CaseError, match="unknown_reference"):
            casebook.upkeep.delete_case(number, staff="chen")
    assert casebook.notifications.page(CaseFilter(state="waiting")).total == 0


def test_a_conversation_that_nobody_called_back_about_is_not_kept_for_ever(local, clock):
    called = local.desk.request_callback("o1", "330106", [{"who": "citizen", "text": "转人工"}])
    assert local.upkeep.retire(clock.at + timedelta(days=89)) == {}
    assert local.upkeep.retire(clock.at + timedelta(days=91)) == {"callbacks": 1}
    assert local.desk.get_callback(called.reference).transcript == ()
    assert local.notifications.page().items[0].state == "settled"
