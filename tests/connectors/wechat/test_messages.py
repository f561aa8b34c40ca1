"""What the platform's fields mean."""

import pytest

from connectors.wechat.envelope import Refused
from connectors.wechat.messages import read_message

BASE = {"ToUserName": "gh_1", "FromUserName": "openid-1", "CreateTime": "1700000000"}


def test_kinds():
    text = read_message({**BASE, "MsgType": "text", "MsgId": "7", "Content": " 你好 "})
    assert (text.kind, text.key, text.text, text.answered) == ("text", "m7", "你好", True)
    voice = read_message(
        {**BASE, "MsgType": "voice", "MsgId": "8", "Recognition": "要证明吗。", "MediaId": "x"}
    )
    assert voice.text == "要证明吗。"
    place = read_message(
        {
            **BASE,
            "MsgType": "location",
            "MsgId": "9",
            "Location_X": "30.2",
            "Location_Y": "120.1",
            "Label": "x",
        }
    )
    assert (place.latitude, place.longitude, place.label) == ("30.2", "120.1", "x")
    click = read_message({**BASE, "MsgType": "event", "Event": "CLICK", "EventKey": "how"})
    assert (click.kind, click.text, click.answered) == ("event:click", "how", True)
    new = read_message({**BASE, "MsgType": "event", "Event": "subscribe", "EventKey": "qrscene_330106"})
    assert (new.scene, new.key) == ("330106", "e1700000000:subscribe:qrscene_330106")
    assert read_message({**BASE, "MsgType": "event", "Event": "SCAN", "EventKey": "hall-1"}).scene == "hall-1"


@pytest.mark.parametrize(
    "event", ["unsubscribe", "LOCATION", "VIEW", "TEMPLATESENDJOBFINISH", "user_authorize_cancellation"]
)
def test_events_that_nobody_waits_for(event):
    assert not read_message({**BASE, "MsgType": "event", "Event": event}).answered


@pytest.mark.parametrize(
    "change",
    [
        {"FromUserName": ""},
        {"FromUserName": "a b"},
        {"FromUserName": "o" * 100},
        {"ToUserName": "]]><x>"},
        {"MsgType": ""},
        {"CreateTime": "now"},
        {"MsgId": ""},
        {"MsgId": "x" * 100},
        {"MsgType": "event", "Event": ""},
        {"MsgType": "event", "Event": "a b"},
    ],
)
def test_what_every_message_has_must_be_there(change):
    with pytest.raises(Refused):
        read_message({**BASE, "MsgType": "text", "MsgId": "7", "Content": "x", **change})
