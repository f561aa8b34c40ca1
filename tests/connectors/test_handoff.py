"""转人工 in any state: 12345, office hours, a callback request with the masked conversation, a telephone number if wished."""

from __future__ import annotations

import re

import pytest

from bot.casebook.errors import CasebookError
from bot.paths.callback import only_phone

from ..identities import made_up
from .test_paths import Talker

PHONE = "13900001234"


@pytest.fixture
def talk(web):
    return Talker(web)


def callback_of(talk):
    held = talk.web.app.state.casebook.desk.open_callback(talk.owner)
    assert held is not None
    return held


def button(reply, words):
    payloads = [b["payload"] for r in reply["replies"] for b in r["buttons"]]
    return next(p for p in payloads if words in p)


@pytest.mark.parametrize("said", ["转人工", "人工客服", "帮我转人工", "我要找人工客服", "转接人工吧"])
def test_a_person_is_wanted(talk, said):
    talk("申请教师资格要无犯罪记录证明吗")
    reply = talk(said)
    held = callback_of(talk)
    assert reply["outcome"] == "handoff" and reply["intent"]["name"] in ("human", "")
    for words in ("12345", "08:30-12:00", "待核实", held.reference, "不留也行"):
        assert words in talk.text, words
    assert held.transcript[0]["text"] == "申请教师资格要无犯罪记录证明吗"
    assert held.transcript[-1]["text"] == said and held.phone == ""


@pytest.mark.parametrize(
    "said", ["人工授精要证明吗", "不要人工客服", "人工费要开证明吗，怎么找人工的证明去哪办"]
)
def test_no_person_is_wanted(talk, said):
    talk(said)
    assert talk.web.app.state.casebook.desk.open_callback(talk.owner) is None


def test_the_telephone_number_is_taken_if_said_alone(talk):
    talk("转人工")
    reference = callback_of(talk).reference
    reply = talk(f"我的电话{PHONE}")
    assert reply["outcome"] == "smalltalk" and "139****1234" in talk.text and reference in talk.text
    assert PHONE not in str(reply) and callback_of(talk).phone == PHONE
    talk("转人工")
    assert callback_of(talk).reference == reference and "您留的电话也在里面" in talk.text
    assert "callback:phone" not in str(talk.reply)


def test_a_number_without_a_request_is_kept_nowhere(talk):
    assert talk(PHONE)["outcome"] == "guardrail_privacy"
    assert talk.web.app.state.casebook.desk.open_callback(talk.owner) is None


def test_while_a_form_is_open_it_stays_open_and_the_transcript_holds_nothing_of_it(talk):
    number = made_up(31)
    talk.begin()
    talk("张三丰")
    talk(number)
    assert talk.asks == "facts"
    reply = talk("转人工")
    assert reply["outcome"] == "handoff" and talk.asks == "facts" and "接着来" in talk.text
    held = callback_of(talk)
    whole = str(held.transcript)
    assert "张三丰" not in whole and number not in whole and number[-4:] not in whole
    assert "填表的内容" in whole and "用血直免 亲属关系证明" in whole
    reply = talk(payload=button(reply, "callback:phone"))
    assert "电话号码" in talk.text
    reply = talk(PHONE)
    assert "139****1234" in talk.text and talk.asks == "facts" and callback_of(talk).phone == PHONE
    held_pledge = talk.web.app.state.casebook.pledges.open_draft(talk.owner)
    assert "phone" not in held_pledge.fields
    talk("就这样写")
    assert talk.asks == "consent"


def test_a_wish_for_a_call_that_is_dropped_leaves_the_form(talk):
    talk.begin()
    reply = talk("转人工")
    talk(payload=button(reply, "callback:phone"))
    assert "不留电话" in (talk("算了") and talk.text) and talk.asks == "name"
    reply = talk("转人工")
    talk(payload=button(reply, "callback:phone"))
    assert talk("我叫张三")["form"]["asks"] == "id_number"
    talk(PHONE)  # of the pledge again
    assert talk.reply["form"]["filled"] == ["name", "phone"]


def test_taken_back(talk):
    reply = talk("转人工")
    reference = callback_of(talk).reference
    talk(payload=button(reply, "callback:cancel"))
    assert "已经删除" in talk.text
    held = talk.web.app.state.casebook.desk.get_callback(reference)
    assert held.state == "cancelled" and held.transcript == ()
    talk(f"{reference} 怎么样了")
    assert "已经撤掉" in talk.text


def test_asked_after_by_its_number(talk, web):
    talk("转人工")
    reference = callback_of(talk).reference
    talk(f"{reference}到哪了")
    assert "还没有处理" in talk.text
    web.app.state.casebook.desk.finish_callback(reference, "已经电话说明", "chen")
    talk(reference)
    assert "已经处理" in talk.text and "已经电话说明" in talk.text
    other = Talker(web)
    other(reference)
    assert "已经处理" in other.text and "电话说明" not in other.text


def test_the_casebook_fails_and_12345_is_named_all_the_same(talk, web, monkeypatch):
    def fails(*_, **__):
        raise CasebookError("no")

    talk("你好")
    monkeypatch.setattr(web.app.state.casebook.desk, "request_callback", fails)
    reply = talk("转人工")
    assert reply["outcome"] == "handoff" and "12345" in talk.text and "08:30" in talk.text
    assert not re.search(r"HH\d{6}", talk.text)


@pytest.mark.parametrize(
    ("said", "phone"),
    [
        ("13900001234", "13900001234"),
        ("我的电话是 139 0000 1234，谢谢", "13900001234"),
        ("请打0571-87654321", "057187654321"),
        ("13900001234 我叫张三", None),
        ("330102199001010016", None),
        ("打电话给我", None),
    ],
)
def test_a_message_that_is_a_number_and_nothing_else(said, phone):
    assert only_phone(said) == phone
