"""The paths on the real stack, where more than a dialogue is needed: other days, killed processes, many at once, letters."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select, update

from bot.casebook import tables
from bot.casebook.casebook import open_casebook
from bot.settings import read_settings

from ..bot.paths.test_letter import codes_of, flat, pdf_text, rendered
from ..identities import made_up
from ..support import said, wait_for

pytestmark = pytest.mark.stack
WEB = "connectors.serve"


@contextlib.contextmanager
def casebook_of(stack):
    """Open the running system's casebook beside it."""
    settings = dataclasses.replace(read_settings(), casebook_url_given=f"sqlite:///{stack.casebook}")
    book = open_casebook(settings)
    try:
        yield book
    finally:
        book.close()


class Citizen:
    """One conversation with the running system."""

    def __init__(self, stack):
        self.stack, self.session = stack, None

    def __call__(self, message=None, **fields):
        reply = self.stack.chat(message, session_id=self.session, **fields)
        self.session = reply["session_id"]
        assert reply["degraded"] is False
        return reply

    def pledge(self, *answers):
        """Begin the blood-fee pledge and give these answers; return the last reply."""
        self("用血直免要亲属关系证明吗")
        reply = self("开始承诺")
        assert reply["form"]["asks"] == "name"
        for answer in answers:
            reply = self(answer)
        return reply


@pytest.fixture
def citizen(stack):
    return Citizen(stack)


def restart_web(stack):
    """Kill the web process with signal 9 and wait until the supervisor has brought it back."""
    old = stack.child(WEB)
    os.kill(old, signal.SIGKILL)
    assert wait_for(lambda: stack.ok() and stack.child(WEB) != old, 60), stack.tail()


@pytest.fixture(scope="module")
def killed(stack):
    """Two citizens in the middle of a pledge when the web process is killed: one just now, one whose form is a day old."""
    one, other = Citizen(stack), Citizen(stack)
    assert one.pledge("张三", made_up(41))["form"]["asks"] == "facts"
    assert other.pledge("李四")["form"]["asks"] == "id_number"
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    with casebook_of(stack) as book, book._book.writing() as connection:
        owner = book.owner_of(other.session)
        for table in (tables.open_forms, tables.pledges):
            connection.execute(update(table).where(table.c.owner == owner).values(updated_at=yesterday))
    restart_web(stack)
    return one, other


def test_kill_9_in_the_middle_of_a_form_loses_no_confirmed_answer(killed):
    citizen, number = killed[0], made_up(41)
    reply = citizen("就这样写")
    assert reply["form"]["asks"] == "consent" and reply["form"]["filled"] == ["name", "id_number", "facts"]
    assert "张三" in said(reply) and f"3301**********{number[-4:]}" in said(reply)
    assert citizen("同意")["outcome"] == "form_done"


def test_resumed_on_another_day(killed):
    citizen = killed[1]
    reply = citizen("公司注销要清税证明吗")
    assert reply["verdict"]["requirement_id"] == "F274" and reply["form"] is None
    reply = citizen("继续上次没填完的承诺")
    assert (reply["form"]["asks"], reply["form"]["filled"]) == ("id_number", ["name"])
    assert citizen(made_up(42))["form"]["asks"] == "facts"


def test_a_verification_asked_for_after_it_is_overdue_then_answered(citizen, stack):
    citizen("申请教师资格要无犯罪记录证明吗")
    citizen("帮我发起核查")
    citizen("张三")
    reference = citizen(made_up(43))["form"]["reference"]
    assert "正在办" in said(citizen(f"我的核查到哪了 {reference}"))
    long_ago = datetime.now(timezone.utc) - timedelta(minutes=1)
    with casebook_of(stack) as book:
        with book._book.writing() as connection:
            held = tables.verifications
            connection.execute(update(held).where(held.c.reference == reference).values(due_at=long_ago))
        assert [v.reference for v in book.tick().escalated] in (
            [reference],
            [],
        )  # or the web process was first
        kinds = {n.kind for n in book.notifications.page().items if n.case_reference == reference}
    assert kinds == {"verification_opened", "verification_overdue"}
    text = said(citizen(f"{reference} 到哪了"))
    assert "已经超过时限" in text and "督办" in text and "12345" in text
    with casebook_of(stack) as book:
        book.verifications.answer(reference, "confirmed", "查过了，没有记录。", "tester")
    reply = citizen("公司注销要清税证明吗")
    assert reply["verdict"]["requirement_id"] == "F274"
    assert "之前的事有结果了" in said(reply) and "核实属实" in said(reply) and reference in said(reply)
    assert "有结果了" not in said(citizen("办低保要收入证明吗"))
    other = Citizen(stack)
    assert "没有记录" not in said(other(f"{reference} 有结果了吗"))


def test_the_outcome_of_a_report_is_told_with_the_next_answer_and_rated(citizen, stack):
    citizen("帮我登记一个举报")
    for words in (
        "大刘村村委会",
        "杭州市桐庐县横村镇",
        "亲属关系证明",
        "继承我爸的存款",
        "明明取消了怎么还要",
    ):
        citizen(words)
    reply = citizen("不留")
    reference = reply["form"]["reference"]
    assert reply["outcome"] == "form_done"
    page = citizen.stack.http.get(reply["form"]["photo_url"])
    assert page.status_code == 200 and reference in page.text
    with casebook_of(stack) as book:
        book.reports.close(reference, "corrected", "村里已经改了", "tester")
    reply = citizen("谢谢")
    assert "已经纠正" in said(reply) and "村里已经改了" in said(reply) and "满意吗" in said(reply)
    payload = next(b["payload"] for r in reply["replies"] for b in r["buttons"] if ":yes:" in b["payload"])
    assert "谢谢您的评价" in said(citizen(payload=payload))
    with casebook_of(stack) as book:
        assert book.reports.get(reference).satisfied is True


def test_many_submissions_at_once_make_one_letter(stack, citizen):
    reply = citizen.pledge("张三", made_up(44), "就这样写")
    page = reply["form"]["page_url"]
    html = stack.http.get(page).text
    csrf = html.split('name="csrf" value="')[1].split('"')[0]

    def by_chat(_):
        return stack.chat("同意", session_id=citizen.session)

    def on_page(_):
        fields = {"csrf": csrf, "do": "submit", "name": "张三", "consent": "yes", "public": "no"}
        return stack.http.post(page, data={**fields, "facts": ""})

    with ThreadPoolExecutor(12) as pool:
        said_so = [pool.submit(by_chat, n) for n in range(6)]
        pressed = [pool.submit(on_page, n) for n in range(6)]
        done = [f.result() for f in said_so if f.result()["outcome"] == "form_done"]
        answers = [f.result().status_code for f in pressed]
    assert set(answers) <= {303, 409}, answers
    with casebook_of(stack) as book, book._book.reading() as connection:
        owner = book.owner_of(citizen.session)
        mine = select(tables.pledges.c.reference).where(tables.pledges.c.owner == owner)
        assert len(connection.execute(mine).all()) == 1
        count = select(func.count()).select_from(tables.letters).where(tables.letters.c.reference.in_(mine))
        assert connection.execute(count).scalar_one() == 1
    assert len({reply["form"]["document_url"] for reply in done}) <= 1
    assert "承诺书已经生成" in stack.http.get(page).text


def test_the_letter_opens_shows_its_words_and_verifies_and_one_changed_byte_does_not(
    stack, citizen, tmp_path
):
    form = citizen.pledge("张三", made_up(45), "就这样写", "同意")["form"]
    paper = stack.http.get(form["document_url"]).content
    pages = rendered(paper, tmp_path)
    (address,) = codes_of(pages)
    text = flat(pdf_text(paper))
    for words in (
        "证明事项告知承诺书",
        "用血直免",
        "张三",
        made_up(45),
        form["reference"],
        "愿意接受行政机关的核查",
    ):
        assert words in text
    parts = urlsplit(address)
    page = stack.http.get(f"{parts.path}?{parts.query}")
    assert page.status_code == 200 and "这份承诺书是真的" in page.text and form["reference"] in page.text
    assert "张三" not in page.text
    wrong = stack.http.get(f"{parts.path}?{parts.query[:-1]}" + ("A" if parts.query[-1] != "A" else "B"))
    assert wrong.status_code == 404 and "没有查到" in wrong.text

    token = re.search(r'name="csrf" value="(\w+)"', stack.http.get("/letters/check").text)[1]

    def check(data, csrf=token):
        file = {"file": ("letter.pdf", data, "application/pdf")}
        return stack.http.post("/letters/check", data={"csrf": csrf}, files=file)

    assert check(paper, "x").status_code == 403
    assert "一模一样" in check(paper).text
    for at in (0, len(paper) // 2, len(paper) - 1):
        changed = paper[:at] + bytes([paper[at] ^ 1]) + paper[at + 1 :]
        refused = check(changed)
        assert refused.status_code == 404 and "改过" in refused.text
    word = stack.http.get(form["document_url"].replace("letter.pdf", "letter.docx")).content
    assert word.startswith(b"PK") and "一模一样" in check(word).text
