"""The address /wechat/callback: every kind of message answered usefully, everything else refused, nothing logged."""

import json
import logging
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.switches import Switches
from connectors.words import held, word

from ...catalogue.test_text import NASTY
from .standin import Account, message_xml

ACCOUNT = Account()
QUESTION = "公司注销要清税证明吗"
CASE = re.compile(r"HH\d{6}-\w{6}")


def post(web, query, body):
    return web.post("/wechat/callback", params=query, content=body)


def test_without_a_token_there_is_no_such_address(web):
    assert web.get("/wechat/callback", params=ACCOUNT.query()).status_code == 404
    assert post(web, ACCOUNT.query(), message_xml("o")).status_code == 404


def test_the_address_is_verified(wechat_web):
    good = wechat_web.get("/wechat/callback", params={**ACCOUNT.query(), "echostr": "<b>42"})
    assert good.status_code == 200 and good.text == "<b>42"
    assert (
        good.headers["content-type"].startswith("text/plain")
        and good.headers["x-content-type-options"] == "nosniff"
    )
    for query in (
        {},
        {**ACCOUNT.query(), "signature": "x", "echostr": "42"},
        {**ACCOUNT.query(1.0), "echostr": "42"},
    ):
        bad = wechat_web.get("/wechat/callback", params=query)
        assert bad.status_code == 403 and bad.content == b""


def test_a_question_is_answered_with_all_that_the_card_says_and_a_link(send):
    text = send("asks-1", Content=QUESTION)
    assert "清税证明" in text and "依据" in text and "https://page.example/card/F274" in text
    assert "清税证明" in send("asks-2", "voice", Recognition=QUESTION + "。", MediaId="m", Format="amr")


@pytest.mark.parametrize("kind", ["image", "video", "shortvideo", "link", "file", "voice", "something_new"])
def test_what_cannot_be_read_is_answered_usefully(send, kind):
    kinds = held("wechat.kinds")
    assert send("shows-1", kind, MediaId="m", PicUrl="http://x", Title="t") == kinds.get(kind, kinds["other"])


def test_a_number_chooses_from_the_menu_that_was_offered(send):
    offered = send("chooses-1", Content="我要开无犯罪记录证明")
    lines = [line for line in offered.splitlines() if line.startswith("1. ")]
    assert word("plain.choose") in offered and lines
    picked = send("chooses-1", Content="１")
    assert "依据" in picked or "来源" in picked
    again = send("chooses-1", Content="2。")
    assert again != picked and ("依据" in again or "来源" in again)
    assert "12345" in send("chooses-1", Content="转人工")


def test_a_person_can_be_asked_for_in_any_state(send):
    one, two = send("asks-human", Content="转人工"), send("asks-human-2", Content=" 人工客服！")
    assert CASE.search(one)[0] != CASE.search(two)[0]  # two people, each with a callback request of their own
    assert CASE.sub("", one) == CASE.sub("", two)


def test_a_position_becomes_the_region(send):
    here = {"Location_X": "29.87", "Location_Y": "121.55", "Scale": "15"}
    kept = send("is-here", "location", Label="", **here)
    assert kept == word("wechat.region_kept", region="宁波市")
    assert send("is-away", "location", Location_X="39.9", Location_Y="116.4") == word("wechat.place_unknown")
    assert send("is-here", "event", Event="LOCATION", Latitude="30.26", Longitude="120.13") == ""


def test_a_position_answers_a_question_that_waits_for_it(send):
    send("asks-where", Content="我要开无犯罪记录证明")
    text = send("asks-where", "location", Location_X="30.26", Location_Y="120.13", Label="浙江省杭州市西湖区")
    assert text != word("wechat.region_kept", region="西湖区")


def test_who_comes_is_welcomed_and_told_what_is_kept(send):
    text = send("comes-1", "event", Event="subscribe")
    assert text == word("wechat.welcome") + "\n\n" + word("wechat.privacy")
    assert "西湖区" in send("comes-2", "event", Event="subscribe", EventKey="qrscene_330106", Ticket="t")
    assert "西湖区行政服务中心" in send("comes-3", "event", Event="SCAN", EventKey="hall-1")
    assert send("comes-4", "event", Event="SCAN", EventKey="<no such>") == word("wechat.scanned")


def test_the_region_of_a_scanned_code_counts(send, wechat_web):
    send("scans-1", "event", Event="subscribe", EventKey="qrscene_330200")
    send("scans-1", Content="单位要我开收入证明")
    sessions = wechat_web.app.state.sessions._held
    assert any(s.region == "330200" for s in sessions.values())


def test_menu_buttons(send):
    assert send("presses", "event", Event="CLICK", EventKey="privacy") == word("wechat.privacy")
    assert send("presses", "event", Event="CLICK", EventKey="no such") == word("wechat.how")
    assert "投诉" in send("presses", "event", Event="CLICK", EventKey="complain")
    assert send("presses", "event", Event="VIEW", EventKey="https://page.example/") == ""


@pytest.mark.parametrize("way", ["unsubscribe", "word"])
def test_who_leaves_is_forgotten(send, wechat_web, way):
    openid = f"leaves-by-{way}"
    send(openid, Content=QUESTION)
    before = len(wechat_web.app.state.sessions)
    if way == "word":
        assert send(openid, Content="删除对话") == word("wechat.deleted")
    else:
        assert send(openid, "event", Event="unsubscribe") == ""
    assert len(wechat_web.app.state.sessions) == before - 1
    assert "card/F274" not in send(openid, Content="那这个呢")


def test_the_same_message_is_answered_once_with_the_same(wechat_web, mode):
    xml = message_xml("twice", Content=QUESTION)
    one, two = (post(wechat_web, *ACCOUNT.wrap(xml, mode)) for _ in range(2))
    read = [ACCOUNT.unwrap(r.content, mode)["Content"] for r in (one, two)]
    assert read[0] == read[1]
    query, body = ACCOUNT.wrap(xml, mode)
    assert [post(wechat_web, query, body).status_code for _ in range(2)] == [200, 200], "a retry is no replay"


def test_a_replay_with_another_message_is_refused(wechat_web, mode):
    query, body = ACCOUNT.wrap(message_xml("replays", Content=QUESTION), mode)
    assert post(wechat_web, query, body).status_code == 200
    other = message_xml("replays", Content="转人工")
    if mode == "safe":
        sealed = ACCOUNT.encrypt(other)
        query["msg_signature"] = ACCOUNT.sign(ACCOUNT.token, query["timestamp"], query["nonce"], sealed)
        other = f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()
    response = post(wechat_web, query, other)
    assert response.status_code == 403 and response.content == b""


def test_while_the_channel_is_off_people_read_what_staff_wrote(send, wechat_web):
    switches: Switches = wechat_web.app.state.switches
    switches.set("wechat", False, "维护", "系统维护到今晚八点。", by="test")
    try:
        assert send("is-off", Content=QUESTION) == "系统维护到今晚八点。"
        assert wechat_web.post("/api/chat", json={"message": QUESTION}).status_code == 200
    finally:
        switches.set("wechat", True, "维护完了", by="test")
    assert "清税证明" in send("is-off", Content=QUESTION)


def test_who_asks_too_often_is_told(send, wechat_web, monkeypatch):
    from connectors.guards import RateLimiter

    monkeypatch.setattr(wechat_web.app.state, "person_limiter", RateLimiter("2/minute", of="person"))
    texts = [send("hurries", Content=f"{QUESTION}{n}") for n in range(3)]
    assert "太快" in texts[2] and "太快" not in texts[1]
    assert "太快" not in send("hurries-not", Content=QUESTION)


@pytest.mark.parametrize(
    "body",
    [b"", b"<xml>", b"\xff\xfe", "<xml><MsgType>text</MsgType></xml>".encode("gbk"), b"<xml>" + b"a" * 1_000_000, b"x" * 1_000_000],
)  # fmt: skip
def test_bodies_that_are_none_are_refused(wechat_web, body):
    response = post(wechat_web, ACCOUNT.query(), body)
    assert response.status_code in (400, 403, 413) and response.content == b""


def test_a_bomb_inside_the_seal_is_refused(wechat_web, mode):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><xml><MsgType>text</MsgType><Content>&b;</Content></xml>'
    response = post(wechat_web, *ACCOUNT.wrap(bomb, mode))
    assert response.status_code == 400 and response.content == b""


@settings(max_examples=40)
@given(NASTY)
@example("😀" * 300)
@example("]]></Content><Content>x")
@example("&lt;a href='http://x'&gt;")
@example("/greet")
@example("1" * 400)
@example("0")
@example("第99个")
@example("\ud800")
def test_any_text_is_answered_or_refused(wechat_web, mode, text):
    body = message_xml("nasty", Content=text.replace("]]>", "]] >"))
    response = post(wechat_web, *ACCOUNT.wrap(body, mode))
    assert response.status_code in (200, 400), response.status_code
    if response.status_code == 200:
        read = ACCOUNT.unwrap(response.content, mode)["Content"]
        assert read and len(read.encode()) <= 2048 and "<" not in read


@settings(max_examples=40)
@given(
    st.binary(max_size=300),
    st.dictionaries(
        st.sampled_from(["signature", "timestamp", "nonce", "encrypt_type", "msg_signature"]),
        st.text(max_size=40),
    ),
)
def test_any_request_is_refused_calmly(wechat_web, body, query):
    assert post(wechat_web, query, body).status_code == 403
    response = post(wechat_web, {**ACCOUNT.query(), **{k: v for k, v in query.items() if "e" in k[:2]}}, body)
    assert response.status_code in (400, 403) and response.content == b""


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "MsgType",
                "Event",
                "EventKey",
                "CreateTime",
                "FromUserName",
                "Location_X",
                "Location_Y",
                "Label",
                "MsgId",
                "Recognition",
            ]
        ),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
    )
)
def test_any_fields_are_answered_or_refused(wechat_web, mode, fields):
    fields = {k: v.replace("]]>", "") for k, v in fields.items()}
    for kind in ("text", "event", "location"):
        xml = message_xml("any-fields", **{"kind": kind, "Content": "要证明吗", **fields})
        assert post(wechat_web, *ACCOUNT.wrap(xml, mode)).status_code in (200, 400, 403)


def test_nothing_of_what_people_write_is_logged(send, wechat_web, mode, caplog):
    caplog.set_level(logging.DEBUG)
    for noisy in ("httpx", "httpcore", "jieba", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    send("openid-secret", Content="我叫张三丰要办银行卡的秘密证明")
    send("openid-secret", "location", Location_X="29.87", Location_Y="121.55", Label="某小区三栋")
    post(wechat_web, *ACCOUNT.wrap(b"<xml><Content>openid-secret</Content></xml>", mode))
    for word_ in ("张三丰", "秘密", "openid-secret", "三栋"):
        assert word_ not in caplog.text


def test_without_its_store_a_question_gets_an_apology(send, wechat_web, monkeypatch, caplog):
    from redis import ConnectionError

    def fail(*_):
        raise ConnectionError("张三丰")

    monkeypatch.setattr(wechat_web.app.state.wechat._nonces, "changing", fail)
    assert send("unlucky", Content="张三丰要证明吗") == word("wechat.error")
    assert send("unlucky", "event", Event="unsubscribe") == ""
    assert "ConnectionError" in caplog.text and "张三丰" not in caplog.text


def test_ids_are_hashed_under_a_key_of_this_installation(wechat_web):
    people = wechat_web.app.state.wechat._people
    assert "openid-1" not in people.hashed("openid-1") and people.hashed("openid-1") != people.hashed(
        "openid-2"
    )
    held_names = json.dumps(list(people._shared._held))
    assert "asks-1" not in held_names
