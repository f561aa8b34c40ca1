"""Forms that are still being filled in: kept sealed, found again, erased in time."""

from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta

from bot.casebook import tables
from bot.casebook.casebook import open_casebook
from bot.casebook.sealing import new_key

from .support import ID_NUMBER, NAME

FORM = {"row": "F064", "asks": "id_number", "fields": {"name": NAME, "id_number": ID_NUMBER}}


def test_a_form_is_found_again_by_another_process_as_it_was_last_saved(casebook, database, clock):
    casebook.forms.save("o1", "verification", {"asks": "name"})
    clock.move(days=2)
    casebook.forms.save("o1", "verification", FORM)
    other = open_casebook(database, clock)
    try:
        assert other.forms.latest("o1", "verification") == {**FORM, "updated_at": clock.at}
        assert other.forms.latest("o2") is None and other.forms.latest("o1", "report") is None
    finally:
        other.close()


def test_the_form_touched_last_comes_back_and_a_dropped_one_does_not(casebook, clock):
    casebook.forms.save("o1", "verification", FORM)
    clock.move(minutes=1)
    casebook.forms.save("o1", "report", {"asks": "office"})
    assert casebook.forms.latest("o1")["asks"] == "office"
    casebook.forms.drop("o1", "report")
    casebook.forms.drop("o1", "report")
    assert casebook.forms.latest("o1")["asks"] == "id_number"


def test_many_saves_at_once_keep_one_form(casebook):
    start, failed = threading.Barrier(12), []

    def save(number):
        start.wait()
        try:
            casebook.forms.save("o1", "report", {"asks": str(number)})
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=save, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with casebook._book.reading() as connection:
        rows = connection.execute(tables.open_forms.select()).all()
    assert not failed and len(rows) == 1
    assert NAME.encode() not in rows[0].sealed


def test_a_form_is_exported_erased_retired_and_sealed_anew(database, clock):
    old, new = new_key(), new_key()
    book = open_casebook(dataclasses.replace(database, casebook_keys=(old,)), clock)
    for owner in ("o1", "o2"):
        book.forms.save(owner, "verification", FORM)
    assert book.upkeep.export_person(owner="o1")["open_forms"][0]["fields"]["fields"]["name"] == NAME
    assert book.upkeep.delete_person(owner="o1") == {"open_forms": 1} and book.forms.latest("o1") is None
    book.close()
    book = open_casebook(dataclasses.replace(database, casebook_keys=(new, old)), clock)
    assert book.upkeep.rotate_key() == 1
    book.close()
    book = open_casebook(dataclasses.replace(database, casebook_keys=(new,)), clock)
    assert book.forms.latest("o2")["row"] == "F064"
    assert book.upkeep.retire(clock.at + timedelta(days=30)) == {}
    assert book.upkeep.retire(clock.at + timedelta(days=31)) == {"open_forms": 1}
    book.close()
