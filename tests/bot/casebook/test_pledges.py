"""Pledges on a real SQLite file and a real PostgreSQL server."""

from __future__ import annotations

import re
import threading

import pytest

from bot.casebook import tables
from bot.casebook.casebook import CaseError, CaseFilter, open_casebook
from bot.casebook.pledges import NEEDED

from .support import ANSWERS, FACTS, ID_NUMBER, NAME, NOTICE, PHONE, REQUIREMENT, filled, valid_id


def code(excinfo):
    return excinfo.value.code


def test_a_draft_has_a_number_at_once_and_keeps_answers_in_the_order_given(casebook):
    owner = casebook.owner_of("s1")
    draft = casebook.pledges.start(owner, REQUIREMENT, "330106", NOTICE)
    assert re.fullmatch(r"CN261123-[2-9A-HJKMNP-Z]{6}", draft.reference)
    assert draft.missing == NEEDED and draft.state == "draft"
    casebook.pledges.set_field(draft.reference, "facts", FACTS)
    then = casebook.pledges.set_field(draft.reference, "name", NAME)
    assert then.filled == ("facts", "name") and then.missing == ("id_number", "consent")
    corrected = casebook.pledges.set_field(draft.reference, "name", "李四")
    assert corrected.fields == {"facts": FACTS, "name": "李四"} and corrected.filled == ("facts", "name")
    assert casebook.pledges.set_field(draft.reference, "name", None).missing == (
        "name",
        "id_number",
        "consent",
    )


def test_a_draft_is_resumed_another_day_by_another_process(casebook, database, clock):
    owner = casebook.owner_of("s1")
    draft = casebook.pledges.start(owner, REQUIREMENT, "330106", NOTICE)
    casebook.pledges.set_field(draft.reference, "name", NAME)
    clock.move(days=3)
    other = open_casebook(database, clock)
    try:
        assert other.owner_of("s1") == owner
        assert other.pledges.open_draft(owner).fields == {"name": NAME}
        assert other.pledges.start(owner, REQUIREMENT, "330106", NOTICE).reference == draft.reference
        assert other.pledges.open_draft(other.owner_of("s2")) is None
    finally:
        other.close()


def test_the_draft_touched_last_is_the_one_to_resume(casebook, clock):
    owner = casebook.owner_of("s1")
    first = casebook.pledges.start(owner, REQUIREMENT, "330106", NOTICE)
    clock.move(minutes=1)
    second = casebook.pledges.start(owner, {**REQUIREMENT, "id": "F170"}, "330106", NOTICE)
    assert casebook.pledges.open_draft(owner).reference == second.reference
    clock.move(minutes=1)
    casebook.pledges.set_field(first.reference, "name", NAME)
    assert casebook.pledges.open_draft(owner).reference == first.reference
    assert casebook.pledges.open_draft(owner, "F170").reference == second.reference


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("shoe_size", "42", "unknown_field"),
        ("name", "长" * 61, "too_long"),
        ("name", "  ", "bad_value"),
        ("consent", "maybe", "bad_value"),
        ("facts", "长" * 2001, "too_long"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name_only(local, field, value, why):
    draft = local.pledges.start("o", REQUIREMENT, "330106", NOTICE)
    with pytest.raises(CaseError) as error:
        local.pledges.set_field(draft.reference, field, value)
    assert code(error) == why and error.value.detail == (field,) and value not in str(error.value)


def test_nothing_personal_stands_readable_in_the_database(local, settings):
    pledge = filled(local, phone=PHONE)
    local.pledges.submit(pledge.reference)
    local.verifications.open(
        "o", REQUIREMENT, "330106", immediate=True, person={"name": NAME, "id_number": ID_NUMBER}
    )
    local.close()
    raw = b"".join(p.read_bytes() for p in settings.data.glob("casebook.db*"))
    for secret in (NAME, ID_NUMBER, FACTS, PHONE):
        assert secret.encode() not in raw and secret.encode("utf-16-le") not in raw
    assert pledge.reference.encode() in raw
    assert NAME not in repr(pledge) and ID_NUMBER not in repr(pledge)


def test_submit_makes_one_letter_however_often_it_is_asked(casebook):
    pledge = filled(casebook)
    letter = casebook.pledges.submit(pledge.reference)
    assert casebook.pledges.submit(pledge.reference) == letter
    assert casebook.pledges.letter(pledge.reference) == letter
    assert re.fullmatch(r"[0-9a-f]{64}", letter.content_hash)
    assert letter.address.endswith(f"/letters/{pledge.reference}?c={letter.code}")
    assert casebook.pledges.get(pledge.reference).state == "submitted"
    with pytest.raises(CaseError) as error:
        casebook.pledges.set_field(pledge.reference, "name", "另一个")
    assert code(error) == "wrong_state"


@pytest.mark.parametrize("missing", NEEDED)
def test_an_incomplete_draft_makes_no_letter(local, missing):
    pledge = filled(local, **{missing: None})
    with pytest.raises(CaseError) as error:
        local.pledges.submit(pledge.reference)
    assert (code(error), error.value.detail) == ("incomplete", (missing,))
    assert local.pledges.letter(pledge.reference) is None


def test_refused_consent_or_standing_makes_no_letter(local):
    refused = filled(local, consent="no")
    with pytest.raises(CaseError) as error:
        local.pledges.submit(refused.reference)
    assert (code(error), error.value.detail) == ("incomplete", ("consent",))
    barred = filled(local, "session-two")
    local.pledges.set_handling(barred.reference, "refused")
    with pytest.raises(CaseError) as error:
        local.pledges.submit(barred.reference)
    assert code(error) == "not_allowed"
    with pytest.raises(CaseError, match="bad_value"):
        local.pledges.set_handling(barred.reference, "at_leisure")


def test_twenty_submissions_at_once_make_one_letter(casebook):
    pledge = filled(casebook)
    start, got, failed = threading.Barrier(20), [], []

    def submit():
        start.wait()
        try:
            got.append(casebook.pledges.submit(pledge.reference))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=submit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failed and len(got) == 20 and len(set(got)) == 1
    with casebook._book.reading() as connection:
        assert len(connection.execute(tables.letters.select()).all()) == 1


def test_twenty_starts_at_once_make_one_draft(casebook):
    owner, start, got = casebook.owner_of("s1"), threading.Barrier(20), []

    def begin():
        start.wait()
        got.append(casebook.pledges.start(owner, REQUIREMENT, "330106", NOTICE).reference)

    threads = [threading.Thread(target=begin) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 20 and len(set(got)) == 1


def test_documents_go_to_the_owner_the_secret_and_staff_only(casebook):
    pledge = filled(casebook)
    letter = casebook.pledges.submit(pledge.reference)
    owner, reference = casebook.owner_of("session-one"), pledge.reference
    pdf = casebook.pledges.document(reference, "pdf", owner=owner)
    assert (
        pdf.startswith(b"%PDF-")
        and casebook.pledges.document(reference, "docx", secret=letter.secret)[:2] == b"PK"
    )
    for wrong in ({}, {"owner": casebook.owner_of("session-two")}, {"secret": "x"}, {"secret": letter.code}):
        assert casebook.pledges.document(reference, "pdf", **wrong) is None
    assert casebook.pledges.document(reference, "pdf", staff="chen") == pdf
    assert ("staff:chen", "read_letter") in {
        (e.actor, e.action) for e in casebook.upkeep.audit_trail(reference)
    }


def test_a_letter_verifies_and_one_changed_byte_does_not(casebook):
    pledge = filled(casebook)
    letter = casebook.pledges.submit(pledge.reference)
    owner = casebook.owner_of("session-one")
    for kind in ("pdf", "docx"):
        data = casebook.pledges.document(pledge.reference, kind, owner=owner)
        found = casebook.pledges.check_file(data)
        assert (found.reference, found.issued_at, found.state) == (
            pledge.reference,
            letter.issued_at,
            "submitted",
        )
        for at in (0, len(data) // 2, len(data) - 1):
            assert casebook.pledges.check_file(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) is None
        assert casebook.pledges.check_file(data + b"\n") is None
    assert casebook.pledges.check_letter(pledge.reference, letter.code.lower()).reference == pledge.reference
    for reference, wrong in (
        (pledge.reference, "AAAAAAAAAAAA"),
        (pledge.reference, ""),
        ("CN261123-AAAAAA", letter.code),
    ):
        assert casebook.pledges.check_letter(reference, wrong) is None


def test_a_letter_whose_record_was_changed_in_the_database_does_not_verify(casebook):
    pledge = filled(casebook)
    letter = casebook.pledges.submit(pledge.reference)
    forged = tables.letters.update().values(content_hash="0" * 64)
    with casebook._book.writing() as connection:
        connection.execute(forged)
    assert casebook.pledges.check_letter(pledge.reference, letter.code) is None


def test_withdrawn_before_the_matter_is_decided_only(casebook):
    owner = casebook.owner_of("session-one")
    pledge = filled(casebook)
    with pytest.raises(CaseError) as error:
        casebook.pledges.withdraw(pledge.reference, "想好了再说")
    assert code(error) == "wrong_state"
    letter = casebook.pledges.submit(pledge.reference)
    with pytest.raises(CaseError) as error:
        casebook.pledges.withdraw(pledge.reference, "", casebook.owner_of("session-two"))
    assert code(error) == "unknown_reference"
    assert casebook.pledges.withdraw(pledge.reference, "我找到证明了", owner).state == "withdrawn"
    assert casebook.pledges.withdraw(pledge.reference, "我找到证明了", owner).state == "withdrawn"
    assert casebook.pledges.check_letter(pledge.reference, letter.code).state == "withdrawn"
    decided = filled(casebook, "session-two")
    casebook.pledges.submit(decided.reference)
    assert casebook.pledges.decide_matter(decided.reference, "chen").state == "decided"
    with pytest.raises(CaseError) as error:
        casebook.pledges.withdraw(decided.reference, "")
    assert code(error) == "wrong_state"


def test_an_abandoned_draft_leaves_only_the_fact(casebook):
    owner = casebook.owner_of("session-one")
    pledge = filled(casebook)
    casebook.pledges.abandon(pledge.reference, "consent_refused")
    left = casebook.pledges.get(pledge.reference)
    assert (left.state, left.fields, left.filled, left.owner) == ("abandoned", {}, (), "")
    assert casebook.pledges.open_draft(owner) is None and casebook.pledges.of_owner(owner) == []
    assert casebook.pledges.page(CaseFilter(id_number=ID_NUMBER)).total == 0
    with pytest.raises(CaseError, match="wrong_state"):
        casebook.pledges.abandon(pledge.reference)


def test_a_deleted_pledge_is_gone_but_its_letter_is_still_known_as_deleted(casebook):
    pledge = filled(casebook)
    letter = casebook.pledges.submit(pledge.reference)
    pdf = casebook.pledges.document(pledge.reference, "pdf", secret=letter.secret)
    casebook.pledges.delete(pledge.reference, owner=casebook.owner_of("session-one"))
    casebook.pledges.delete(pledge.reference)
    assert casebook.pledges.get(pledge.reference).fields == {}
    assert casebook.pledges.document(pledge.reference, "pdf", secret=letter.secret) is None
    assert casebook.pledges.letter(pledge.reference) is None
    assert casebook.pledges.check_file(pdf).state == "deleted"


def test_another_undecided_pledge_for_the_same_is_named(casebook):
    first = casebook.pledges.submit(filled(casebook).reference)
    second = casebook.pledges.submit(filled(casebook, "session-two").reference)
    assert second.earlier == (first.reference,)
    other = casebook.pledges.submit(filled(casebook, "session-three", id_number=valid_id(9)).reference)
    assert other.earlier == ()


def test_staff_list_filters_and_hides_the_person(casebook, clock):
    made = [filled(casebook, f"s{i}", id_number=valid_id(i)) for i in range(5)]
    clock.move(minutes=1)
    casebook.pledges.submit(made[2].reference)
    page = casebook.pledges.page(size=2)
    assert (page.total, len(page.items), page.items[0].reference) == (5, 2, made[2].reference)
    assert page.items[0].name == "王***"
    assert casebook.pledges.page(number=3, size=2).items[0].state == "draft"
    assert casebook.pledges.page(CaseFilter(state="submitted")).total == 1
    assert (
        casebook.pledges.page(CaseFilter(id_number=valid_id(3).lower())).items[0].reference
        == made[3].reference
    )
    for region, count in (
        ("330106", 5),
        ("330100", 5),
        ("330000", 5),
        ("330200", 0),
        ("330110", 0),
        ("000000", 5),
    ):
        assert casebook.pledges.page(CaseFilter(region=region)).total == count
    assert casebook.pledges.page(CaseFilter(since=clock.at)).total == 0
    assert casebook.pledges.page(CaseFilter(until=clock.at, requirement_id="F169")).total == 5
    for number, size in ((0, 10), (1, 0), (1, 201)):
        with pytest.raises(CaseError, match="bad_value"):
            casebook.pledges.page(number=number, size=size)


def test_staff_reading_is_audited_and_the_trail_holds_nothing_personal(casebook):
    pledge = filled(casebook, phone=PHONE)
    assert casebook.pledges.read(pledge.reference, "chen").fields["name"] == NAME
    casebook.pledges.submit(pledge.reference)
    casebook.pledges.withdraw(pledge.reference, "家里的私事")
    trail = casebook.upkeep.audit_trail(pledge.reference)
    assert [(e.actor, e.action) for e in reversed(trail)] == [
        ("citizen", "open"),
        ("citizen", "set"),
        ("staff:chen", "read"),
        ("citizen", "submit"),
        ("citizen", "withdraw"),
    ]
    told = " ".join(map(str, trail))
    assert "id_number" in told
    for secret in (*filter(None, ANSWERS.values()), PHONE, "私事"):
        assert secret == "yes" or secret not in told


def test_the_audit_trail_cannot_be_changed(casebook):
    filled(casebook)
    for change in (tables.audit.update().values(actor="nobody"), tables.audit.delete()):
        with pytest.raises(Exception, match="append-only"), casebook._book.writing() as connection:
            connection.execute(change)
    assert {e.actor for e in casebook.upkeep.audit_trail()} == {"citizen"}


def test_an_unknown_number_is_said_so(casebook):
    assert (
        casebook.pledges.get("CN000000-AAAAAA") is None and casebook.pledges.letter("CN000000-AAAAAA") is None
    )
    calls = [
        lambda: casebook.pledges.set_field("CN000000-AAAAAA", "name", NAME),
        lambda: casebook.pledges.submit("CN000000-AAAAAA"),
        lambda: casebook.pledges.withdraw("CN000000-AAAAAA", ""),
        lambda: casebook.pledges.decide_matter("CN000000-AAAAAA", "chen"),
        lambda: casebook.pledges.read("CN000000-AAAAAA", "chen"),
    ]
    for call in calls:
        with pytest.raises(CaseError) as error:
            call()
        assert code(error) == "unknown_reference"
