"""What a citizen can do with the conversation: send again, read by steps, rate, take along, erase, read in large letters."""

from __future__ import annotations

import asyncio

import pytest

from bot.casebook.casebook import CaseFilter
from connectors import web as web_module
from connectors.drawing import blocks, row_of, said, steps

from .test_page import QUESTION, Page, ask

POLICY_QUESTION = "单位乱要证明，我去哪里投诉"


def turns(web):
    return web.get("/").text.count('class="turn"')


# --- sending again


def test_what_is_sent_again_is_not_asked_again(web):
    for path in ("/", "/chat/turn", "/"):
        web.post(path, data={"message": QUESTION, "once": "one"})
    assert turns(web) == 1
    web.post("/", data={"message": "娃上小学要计划生育证明吗", "once": "one"})
    assert turns(web) == 2, "other words are another question, whatever the mark"
    for _ in range(2):
        web.post("/", data={"message": QUESTION})
    assert turns(web) == 4, "without a mark each is its own"


def test_the_reply_to_what_is_sent_again_is_the_same(web):
    first = web.post("/chat/turn", data={"message": QUESTION, "once": "two"})
    again = web.post("/chat/turn", data={"message": QUESTION, "once": "two"})
    found = [
        i["value"] for r in (first, again) for i in Page(r.text).all("input") if i["name"] == "message_id"
    ]
    assert len(found) == 2 and len(set(found)) == 1


def test_a_button_pressed_twice_counts_once(web):
    ask(web, message="离职提取住房公积金要离职证明吗")
    for _ in range(2):
        web.post("/", data={"payload": "choose:F305", "once": "three"})
    assert turns(web) == 2


def test_every_page_brings_its_own_mark(web):
    marks = {
        i["value"] for _ in range(3) for i in Page(web.get("/").text).all("input") if i["name"] == "once"
    }
    assert len(marks) == 3


# --- surviving


def test_the_conversation_survives_the_process(make_client, tmp_path):
    with make_client() as before:
        before.post("/", data={"message": "离职提取住房公积金要离职证明吗", "once": "x"})
        cookies = dict(before.cookies)
    with make_client() as after:
        after.cookies.update(cookies)
        html = after.get("/").text
        assert html.count('class="turn"') == 1 and "choose:F305" in html
        assert (
            after.post("/", data={"message": "离职提取住房公积金要离职证明吗", "once": "x"}).status_code
            == 303
        )
        assert turns(after) == 1, "sent again after the restart it is still known"
        after.post("/", data={"payload": "choose:F305"})
        assert turns(after) == 2, "buttons that were offered before can be pressed"
        after.post("/chat/delete")
    with make_client() as later:
        later.cookies.update(cookies)
        assert turns(later) == 0


def test_a_page_waits_for_the_answer_that_is_being_made(web, monkeypatch):
    ask(web, message=QUESTION)
    monkeypatch.setattr(web_module, "PATIENCE", 0.2)
    (session,) = [
        s for s in web.app.state.sessions._held.values() if s.turns and s.turns[-1]["message"] == QUESTION
    ][-1:]
    asyncio.run(session.lock.acquire())
    try:
        assert turns(web) == 1  # it gives up waiting and shows what there is
    finally:
        session.lock.release()


# --- by steps


def test_a_long_answer_opens_by_steps():
    found = blocks("第一句。" * 10 + "\n" + "第二句。" * 40 + "\n" + "第三句。" * 20)
    shown, rest, after = steps(found, "answered_policy")
    assert [b["lines"][0][:3] for b in shown] == ["第一句"] and len(rest) == 2 and not after
    assert steps(found, "form") == (found, [], []), "what is agreed to is never folded"
    short = blocks("第一句。\n第二句。")
    assert steps(short, "answered") == (short, [], [])


def test_a_long_list_goes_on_with_its_numbers_and_what_closes_it_is_shown():
    found = blocks("有这些：\n" + "\n".join(f"{n}. 证明{n}" for n in range(1, 13)) + "\n没列的不等于不要。")
    shown, rest, after = steps(found, "answered_list")
    assert len(shown[1]["lines"]) == 5 and rest[0]["start"] == 6 and len(rest[0]["lines"]) == 7
    assert after[0]["lines"] == ["没列的不等于不要。"]


def test_everything_that_is_said_is_on_the_page(web, catalogue):
    """Folding leaves nothing out: each line of a rule stands in the page, script or not."""
    html = ask(web, message=POLICY_QUESTION)
    (session,) = [s for s in web.app.state.sessions._held.values() if s.turns][-1:]
    for block in blocks(session.turns[-1]["reply"]["replies"][0]["text"].split("依据")[0]):
        for line in block["lines"]:
            assert line.replace('"', "&#34;") in html


# --- one answer


def test_an_answer_can_be_taken_along(web):
    html = ask(web, message=QUESTION)
    page = Page(html)
    assert "/card/F274" in [a["href"] for a in page.all("a")]
    (row,) = [d for d in page.all("div") if "data-text" in d]
    assert row["data-link"] == "/card/F274" and "依据" in row["data-text"]
    assert all("hidden" in b for b in page.all("button") if "data-do" in b), "the script shows them"


def test_row_of_and_said():
    one, other = {"requirement_id": "F1"}, {"requirement_id": "F2"}
    assert row_of({"verdict": one, "verdicts": [one]}) == "F1" and row_of({"verdict": one}) == "F1"
    assert row_of({"verdict": one, "verdicts": [one, other]}) is None and row_of({"verdict": None}) is None
    assert said({"replies": [{"text": "一"}, {"text": " "}, {"text": "二"}]}) == "一\n\n二"


# --- feedback


def rated(web):
    return web.app.state.casebook.desk.feedback(CaseFilter()).items


def message_id(html):
    return [i["value"] for i in Page(html).all("input") if i["name"] == "message_id"][-1]


def test_feedback_is_kept_with_its_reason_and_without_numbers(web):
    id_ = message_id(ask(web, message=QUESTION))
    sent = {"message_id": id_, "useful": "no", "reason": "outdated", "text": "我电话13857112345，去年就改了"}
    answer = web.post("/chat/feedback", data=sent)
    assert answer.status_code == 303 and answer.headers["location"] == "/#latest"
    (kept,) = [f for f in rated(web) if f.message_id == id_]
    assert (kept.useful, kept.reason, kept.outcome, kept.requirement_id) == (
        False,
        "outdated",
        "answered",
        "F274",
    )
    assert "13857112345" not in kept.text and "去年就改了" in kept.text and kept.edition
    html = web.get("/").text
    assert "谢谢，记下了" in html and 'value="no"' not in html
    web.post("/chat/feedback", data={"message_id": id_, "useful": "yes", "text": "x"})
    (kept,) = [f for f in rated(web) if f.message_id == id_]
    assert (kept.useful, kept.reason, kept.text) == (True, "", "")


@pytest.mark.parametrize(
    "change", [{"message_id": "0" * 16}, {"message_id": ""}, {"useful": "maybe"}, {"reason": "because"}]
)
def test_feedback_is_for_an_answer_of_this_conversation(web, change):
    id_ = message_id(ask(web, message=QUESTION))
    before = len(rated(web))
    sent = {"message_id": id_, "useful": "no", "reason": "wrong", **change}
    assert web.post("/chat/feedback", data=sent).status_code == 422
    web.cookies.clear()
    assert web.post("/chat/feedback", data={**sent, "message_id": id_}).status_code == 422
    assert len(rated(web)) == before


# --- the whole conversation


def test_the_conversation_as_a_file(web):
    ask(web, message=QUESTION)
    ask(web, message="<b>粗</b>要清税证明吗")
    answer = web.get("/chat/download")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="mianzheng.txt"'
    assert answer.content.startswith(b"\xef\xbb\xbf") and "\r\n" in answer.text
    assert QUESTION in answer.text and "依据：" in answer.text and "不是法律意见" in answer.text
    web.cookies.clear()
    assert QUESTION not in web.get("/chat/download").text


def test_deleting_erases_the_conversation_and_forms_that_were_not_sent(web):
    ask(web, message="用血直免要亲属关系证明吗")
    ask(web, payload="pledge:F169") if "pledge:F169" in web.get("/").text else ask(web, message="开始承诺")
    ask(web, message="我叫张三")
    cookie = web.cookies["mianzheng_session"]
    casebook, id_ = web.app.state.casebook, cookie.partition(".")[0]
    owner = casebook.owner_of(id_)
    assert casebook.pledges.open_draft(owner) is not None
    name = web.app.state.sessions.kept._place._folder / owner
    assert name.exists()
    assert web.post("/chat/delete").headers["location"] == "/"
    assert not name.exists() and web.app.state.sessions.get(id_) is None
    assert casebook.pledges.open_draft(owner) is None and casebook.forms.latest(owner) is None
    assert web.cookies["mianzheng_session"] != cookie
    assert "张三" not in web.get("/").text


def test_deleting_is_asked_about_first(web):
    html = web.get("/").text
    sure = html.index("删了就找不回来")
    assert html.rindex("<summary", 0, sure) < sure < html.index("确定删除")


# --- how it looks


def test_the_chosen_view_stays(web):
    assert 'data-size="normal" data-colours="auto"' in web.get("/").text
    answer = web.post("/chat/view", data={"size": "large", "back": "/card/F064"})
    assert answer.headers["location"] == "/card/F064" and "Max-Age" in answer.headers["set-cookie"]
    web.post("/chat/view", data={"colours": "dark"})
    for path in ("/", "/card/F064", "/pledge/new/F169", "/letters/check"):
        html = web.get(path).text
        assert 'data-size="large" data-colours="dark"' in html
        assert [a["media"] for a in Page(html).all("link") if a.get("id") == "dark"] == ["screen"]
    web.post("/chat/view", data={"size": "huge", "colours": '"><script>'})
    assert 'data-size="large" data-colours="dark"' in web.get("/").text
    web.cookies.clear()
    web.cookies.set("mianzheng_view", '"><script>.x')
    assert 'data-size="normal" data-colours="auto"' in web.get("/").text
