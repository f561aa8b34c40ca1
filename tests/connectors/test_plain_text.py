"""Replies as plain text: numbers to choose by, pieces that fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.plain_text import chosen, menu, reply_text, showable, split, wants_human
from connectors.words import word

MENU = [("甲", "choose:F1"), ("乙", "choose:F2"), ("转人工", "human")]


def reply(text, *buttons):
    return {
        "replies": [{"text": text, "buttons": [{"title": t, "payload": p} for t, p in buttons], "card": None}]
    }


def test_buttons_become_numbers():
    assert reply_text(reply("哪个？", *MENU)) == f"哪个？\n{word('plain.choose')}\n1. 甲\n2. 乙\n3. 转人工"
    assert menu(reply("x", *MENU, MENU[0])) == MENU


def test_a_list_that_is_numbered_already_is_not_repeated():
    text = "有这几样：\n1. 甲：不用\n2. 乙：要\n3. 丙：要"
    assert reply_text(reply(text, *MENU)) == text + "\n" + word("plain.choose_above")
    assert "3. 转人工" in reply_text(reply("有：\n1. 甲\n2. 乙", *MENU))


@pytest.mark.parametrize(
    "text, payload",
    [("1", "choose:F1"), ("2.", "choose:F2"), ("第二个", "choose:F2"), ("三", "human"), ("第3项", "human"), ("甲", "choose:F1")],
)  # fmt: skip
def test_what_chooses(text, payload):
    assert chosen(text, MENU) == payload


@pytest.mark.parametrize("text", ["0", "4", "99", "12345", "1个证明", "", "甲乙", "第", "二十", "-1"])
def test_what_does_not_choose(text):
    assert chosen(text, MENU) is None
    assert chosen("1", []) is None


def test_who_wants_a_person():
    assert wants_human("转人工") and wants_human("人工客服！") and not wants_human("转人工要证明吗")


def test_nothing_is_planted():
    assert showable("<a href='x'>点</a>\x00\x0b\ufffe好") == "＜a href='x'＞点＜/a＞好"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), st.integers(8, 200))
def test_every_piece_fits_and_nothing_is_lost(text, limit):
    pieces = split(text, limit)
    assert all(0 < len(p.encode()) <= limit for p in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_pieces_end_where_sentences_end():
    text = "".join(f"这是第{n}句，说的是同一件事。" for n in range(40))
    pieces = split(text, 300)
    assert len(pieces) > 4 and all(p.endswith("。") for p in pieces)
    assert all(p.endswith("，") for p in split("没有句号，" * 50, 100)[:-1])
