"""`mianzheng casebook` as staff and operators run it: its output and exit status; once as a real process."""

from __future__ import annotations

import json
import os
import re
import subprocess
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bot.casebook.casebook import open_casebook
from bot.casebook.sealing import key_file, new_key
from bot.command import cli

from ...support import COMMAND, ROOT
from .support import ID_NUMBER, NAME, REQUIREMENT, filled
from .test_demand_reports import photo_of, report


def environment(settings):
    return {"MIANZHENG_DATA": str(settings.data), "MIANZHENG_CASEBOOK_URL": "", "MIANZHENG_CASEBOOK_KEY": ""}


@pytest.fixture
def mianzheng(settings):
    """Run the command on this test's casebook, in this process: starting one takes longer than all else."""

    def run(*arguments, typed="", **more):
        runner = CliRunner(env={**environment(settings), **more})
        done = runner.invoke(cli, ["casebook", *arguments], input=typed)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)

    return run


@pytest.fixture
def process(settings):
    """Run the command on this test's casebook as a process of its own."""

    def run(*arguments, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MIANZHENG_")}
        return subprocess.run(
            [COMMAND, "casebook", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            env={**clean, **environment(settings), **more},
        )

    return run


@pytest.fixture
def book(settings):
    """A casebook beside the command, by the real clock."""
    opened = open_casebook(settings)
    yield opened
    opened.close()


def test_a_new_key_fits_the_setting(mianzheng):
    one, two = mianzheng("new-key").stdout.strip(), mianzheng("new-key").stdout.strip()
    assert one != two
    assert mianzheng("audit", MIANZHENG_CASEBOOK_KEY=f"{one},{two}").returncode == 0


def test_rotation_from_the_key_file_to_a_new_key(mianzheng, process, book, settings):
    pledge = filled(book)
    old, new = key_file(settings).read_text().strip(), new_key()
    assert re.fullmatch(
        r"\d+ seals renewed\n", mianzheng("rotate-key", MIANZHENG_CASEBOOK_KEY=f"{new},{old}").stdout
    )
    shown = mianzheng("show", pledge.reference, "--staff", "chen", MIANZHENG_CASEBOOK_KEY=new)
    assert json.loads(shown.stdout)["fields"]["name"] == NAME
    refused = process("audit")  # the key file still holds the old key only
    assert refused.returncode == 1 and refused.stderr.startswith(
        "mianzheng: the casebook was sealed with another key"
    )
    assert "Traceback" not in refused.stderr


def test_staff_list_show_decide_and_the_trail(mianzheng, book):
    pledge = filled(book)
    assert mianzheng("list", "pledges", "--state", "submitted").returncode == 1
    book.pledges.submit(pledge.reference)
    listed = mianzheng("list", "pledges", "--region", "330100")
    assert json.loads(listed.stdout)[0]["reference"] == pledge.reference and NAME not in listed.stdout
    assert mianzheng("decide", pledge.reference, "--staff", "chen").stdout == "decided\n"
    again = mianzheng("decide", pledge.reference, "--staff", "chen")
    assert (again.returncode, again.stderr) == (1, "not possible: wrong_state: decided\n")
    assert mianzheng("show", "ZZ000000-AAAAAA", "--staff", "chen").returncode == 1
    trail = mianzheng("audit", "--reference", pledge.reference).stdout.splitlines()
    assert "staff:chen  decide" in trail[0] and len(trail) == 4


def test_verification_and_report_are_answered(mianzheng, book):
    asked = book.verifications.open("o1", REQUIREMENT, "330106", immediate=True)
    told = report(book)
    assert mianzheng("tick").returncode == 0
    done = mianzheng("answer", asked.reference, "--result", "confirmed", "--note", "一致", "--staff", "chen")
    assert done.stdout == "answered\n"
    closed = mianzheng(
        "close-report", told.reference, "--outcome", "corrected", "--explanation", "已改正", "--staff", "chen"
    )
    assert closed.stdout == "closed\n" and book.reports.get(told.reference).explanation == "已改正"
    month = told.created_at.strftime("%Y-%m")
    assert (
        json.loads(mianzheng("board", month, "--fewest", "1").stdout)["leading_offices"][0]["corrected"] == 1
    )
    assert json.loads(mianzheng("board", month).stdout)["few_offices"][0]["corrected"] == 1
    assert mianzheng("board", "soon").returncode == 1


def test_a_callback_is_closed_a_photo_fetched_and_the_outbox_listed(mianzheng, book, tmp_path):
    called = book.desk.request_callback("o1", "330106", [{"who": "citizen", "text": "转人工"}], "13900001234")
    told, target = report(book), tmp_path / "photo.jpg"
    fetch = ("photo", told.reference, "--to", str(target), "--staff", "chen")
    assert mianzheng(*fetch).returncode == 1 and not target.exists()
    book.reports.add_photo(told.reference, photo_of())
    assert mianzheng(*fetch).returncode == 0 and target.read_bytes().startswith(b"\xff\xd8")
    assert target.stat().st_mode & 0o077 == 0
    listed = mianzheng("list", "notifications", "--state", "waiting")
    assert {n["case_reference"] for n in json.loads(listed.stdout)} == {called.reference, told.reference}
    assert "13900001234" not in mianzheng("list", "callbacks").stdout
    assert "13900001234" in mianzheng("show", called.reference, "--staff", "chen").stdout
    close = ("close-callback", called.reference, "--note", "打过了", "--staff", "chen")
    assert mianzheng(*close).stdout == "done\n"
    assert (mianzheng(*close).returncode, mianzheng(*close).stderr) == (
        1,
        "not possible: wrong_state: done\n",
    )


def test_credit_from_finding_to_repair(mianzheng, book):
    made = mianzheng(
        "record-false-pledge", "--region", "330106", "--source", "某局认定", "--found", "2026-11-01", "--staff", "chen",
        typed=f"{ID_NUMBER}\n{NAME}\n",
    )  # fmt: skip
    reference = re.search(r"XY\d{6}-\w{6}", made.stdout)[0]
    assert [r.reference for r in book.credit.counting(ID_NUMBER)] == [reference]
    for step, state in (("object", "objected"), ("reject", "in_force"), ("repair", "repaired")):
        assert mianzheng("credit", reference, step, "--words", "说明", "--staff", "li").stdout == f"{state}\n"
    assert book.credit.counting(ID_NUMBER) == []


def test_one_person_is_exported_and_erased(mianzheng, book):
    pledge = filled(book)
    assert mianzheng("export", "--staff", "chen", typed="330106199901010000\n").returncode == 1
    found = mianzheng("export", "--staff", "chen", "--id-number", ID_NUMBER)
    assert json.loads(found.stdout)["pledges"][0]["fields"]["name"] == NAME
    kept = mianzheng("delete", "--staff", "chen", "--id-number", ID_NUMBER, typed="n\n")
    assert kept.returncode == 1 and book.pledges.get(pledge.reference).fields
    gone = mianzheng("delete", "--staff", "chen", "--id-number", ID_NUMBER, "--yes")
    assert gone.stdout == "1 pledges\n" and book.pledges.get(pledge.reference).fields == {}
    assert mianzheng("retire").stdout == "nothing to erase\n"
    told = report(book)
    assert mianzheng("delete-case", told.reference, "--staff", "chen", typed="n\n").returncode == 1
    assert mianzheng("delete-case", told.reference, "--staff", "chen", "--yes").stdout == "erased\n"
    assert book.reports.get(told.reference).why == ""


def test_a_letter_file_is_verified(mianzheng, book, tmp_path):
    pledge = filled(book)
    letter = book.pledges.submit(pledge.reference)
    file = tmp_path / "letter.pdf"
    file.write_bytes(book.pledges.document(pledge.reference, "pdf", secret=letter.secret))
    good = mianzheng("verify", str(file))
    assert good.returncode == 0 and good.stdout.startswith(f"genuine: {pledge.reference}, issued ")
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    bad = mianzheng("verify", str(file))
    assert bad.returncode == 1 and bad.stdout == "not a letter that was issued here, or changed since\n"


def test_staff_have_to_say_who_they_are(mianzheng):
    assert mianzheng("decide", "CN261123-AAAAAA").returncode == 2
    assert mianzheng("list", "everything").returncode == 2


def test_feedback_is_listed_with_what_it_is_about(mianzheng, book):
    assert mianzheng("list", "feedback").returncode == 1
    about = {"outcome": "answered", "requirement_id": "F274", "edition": "2026.1"}
    book.desk.give_feedback("o1", "m1", False, "outdated", "去年改了", "330106", about)
    book.desk.give_feedback("o2", "m2", True)
    listed = json.loads(mianzheng("list", "feedback", "--region", "330100").stdout)
    assert [(f["useful"], f["reason"], f["requirement_id"], f["text"]) for f in listed] == [
        (False, "outdated", "F274", "去年改了")
    ]
