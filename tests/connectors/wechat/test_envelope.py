"""What is authentic, and what is refused: against an implementation of the platform's formats of its own."""

import time

import pytest

from bot.settings import WeChatSettings
from connectors.wechat.envelope import MAX_BODY, WINDOW, Envelope, Refused, read_xml, text_xml

from .standin import Account, message_xml

ACCOUNT = Account()
PLAIN = Envelope(WeChatSettings(ACCOUNT.token, ACCOUNT.app_id))
SEALED = Envelope(WeChatSettings(ACCOUNT.token, ACCOUNT.app_id, ACCOUNT.aes_key))
XML = message_xml("openid-1", Content="要证明吗😀")


def refused(status, function, *arguments):
    with pytest.raises(Refused) as raised:
        function(*arguments)
    assert raised.value.status == status


def test_a_signed_query_of_now_is_taken():
    PLAIN.verify(ACCOUNT.query())
    PLAIN.verify(ACCOUNT.query(time.time() - WINDOW + 5))
    PLAIN.verify(ACCOUNT.query(time.time() + WINDOW - 5))


@pytest.mark.parametrize("age", [-WINDOW - 5, WINDOW + 5, -1e9, 1e9])
def test_another_time_is_refused(age):
    refused(403, PLAIN.verify, ACCOUNT.query(time.time() + age))


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "0" * 40},
        {"signature": ""},
        {"signature": "签名"},
        {"signature": "\udcff"},
        {"nonce": "other"},
        {"nonce": ""},
        {"nonce": "n" * 200},
        {"timestamp": ""},
        {"timestamp": "now"},
        {"timestamp": "１７６３８０００００"},
        {"timestamp": "-1"},
        {"timestamp": "9" * 400},
    ],
)
def test_whatever_is_wrong_in_the_query_is_refused(change):
    refused(403, PLAIN.verify, {**ACCOUNT.query(), **change})
    refused(403, SEALED.verify, {**ACCOUNT.query(), **change, "encrypt_type": "aes"})


def test_a_missing_field_is_refused():
    for name in ("signature", "timestamp", "nonce"):
        refused(403, PLAIN.verify, {k: v for k, v in ACCOUNT.query().items() if k != name})


def test_every_mode_is_read():
    assert PLAIN.open(*ACCOUNT.wrap(XML, "plain"))["Content"] == "要证明吗😀"
    assert SEALED.open(*ACCOUNT.wrap(XML, "safe"))["Content"] == "要证明吗😀"
    assert SEALED.open(*ACCOUNT.wrap(XML, "compatible"))["Content"] == "要证明吗😀"
    # An account in compatible mode whose key is not set here still gets answers.
    assert PLAIN.open(*ACCOUNT.wrap(XML, "compatible"))["Content"] == "要证明吗😀"


def test_in_compatible_mode_only_the_sealed_message_counts():
    query, body = ACCOUNT.wrap(XML, "compatible")
    forged = body.replace("要证明吗😀".encode(), "转人工".encode())
    assert SEALED.open(query, forged)["Content"] == "要证明吗😀"


def test_with_a_key_nothing_is_taken_in_the_plain():
    refused(403, SEALED.open, *ACCOUNT.wrap(XML, "plain"))


def test_what_cannot_be_opened_is_refused():
    query, body = ACCOUNT.wrap(XML, "safe")
    refused(403, SEALED.open, {**query, "msg_signature": "0" * 40}, body)
    refused(403, SEALED.open, {k: v for k, v in query.items() if k != "msg_signature"}, body)
    refused(400, PLAIN.open, query, body)

    def signed(sealed):
        made = ACCOUNT.query() | {"encrypt_type": "aes"}
        made["msg_signature"] = ACCOUNT.sign(ACCOUNT.token, made["timestamp"], made["nonce"], sealed)
        return made, f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()

    for sealed in (
        "",
        "AAAA",
        "not base64!",
        "5paH" * 16,
        ACCOUNT.encrypt(XML, app_id="wx-of-another"),
        ACCOUNT.encrypt(b"no xml"),
        ACCOUNT.encrypt("<xml><a>要证明吗</a></xml>".encode("gbk")),
        Account(key=b"k" * 32).encrypt(XML),
    ):
        refused(400, SEALED.open, *signed(sealed))


def test_what_is_sealed_can_be_read_by_the_platform():
    query, _ = ACCOUNT.wrap(XML, "safe")
    text = "一]]>二<b>&amp;" + "长" * 600
    sealed = SEALED.seal(query, text_xml("openid", "gh", text))
    read = ACCOUNT.unwrap(sealed.encode(), "safe")
    assert read["Content"] == text and read["ToUserName"] == "openid" and "长" not in sealed
    assert SEALED.seal(query, "x") != SEALED.seal(query, "x"), "the same text twice looks the same"
    plain = PLAIN.seal({}, text_xml("openid", "gh", text))
    assert ACCOUNT.unwrap(plain.encode(), "plain")["Content"] == text


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml><Content>&b;</Content></xml>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"not xml",
        b"<xml>",
        b"<xml></xml><xml></xml>",
        b"<html><MsgType>text</MsgType></html>",
        BOMB,
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml></xml>',
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Content>&e;</Content></xml>',
        b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]><xml></xml>',
        b"<xml><Content>&undeclared;</Content></xml>",
        b"<xml><Content>\x01\x08</Content></xml>",
        b"<xml><Content>&#x1;</Content></xml>",
        "<xml><Content>要证明吗</Content></xml>".encode("gbk"),
        '<?xml version="1.0" encoding="gbk"?><xml><Content>要证明吗</Content></xml>'.encode("gbk"),
        '<?xml version="1.0" encoding="utf-16"?><xml></xml>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="nonsense"?><xml></xml>',
        b"<xml>" + b"<a>1</a>" * 200 + b"</xml>",
        b"<a>" * 20_000,
    ],
)
def test_anything_but_plain_flat_xml_is_refused(body):
    refused(400, read_xml, body)


def test_nested_fields_are_left_out():
    assert read_xml(b"<xml><a>1</a><b><c>2</c></b><d/></xml>") == {"a": "1", "d": ""}


def test_real_messages_are_far_below_the_bound():
    assert len(message_xml("o" * 28, Content="字" * 2048)) < MAX_BODY / 5
