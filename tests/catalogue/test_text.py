"""Cleaning: one form for everything that people type."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proof_catalogue.text import canonical, clean, index_terms, simplify

NASTY = st.text(
    st.one_of(
        st.characters(categories=["L", "M", "N", "P", "S", "Z", "C"]),
        st.sampled_from("\u200b\u200d\u202e\u2066\ufeff\x00\x07\u0301\u0300\ufe0f\U0001f600İß無證？！…　～"),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("Ａ１２，证明？", "A12,证明?"),
        ("无\u200b犯\u200d罪\ufeff记录", "无犯罪记录"),
        ("\u202e证明\u202c \u2066要吗\u2069", "证明 要吗"),
        ("证\x00明\x07\x1b[31m", "证明[31m"),
        ("证明\ue000吗", "证明吗"),
        ("要吗？？？？？！！！！", "要吗??!!"),
        ("。。。。。。", "。。"),
        ("  办低保\n\n 还要 \t 收入证明吗　", "办低保 还要 收入证明吗"),
        ("\ud800证明\udfff", "证明"),
        ("哈哈哈哈哈", "哈哈哈哈哈"),
        ("10000元", "10000元"),
        ("", ""),
    ],
)
def test_clean(typed, cleaned):
    assert clean(typed) == cleaned


@given(NASTY)
@example("e\u200b\u0301")  # what is invisible kept two characters apart that now combine
@example("!\u200b!\u200b!\u200b!")
@example("\u1100\u200b\u1161")
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


@given(NASTY)
def test_nothing_invisible_is_left(text):
    assert not [c for c in clean(text) if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs")]


@given(NASTY)
@example("İstanbul")  # lower case of this capital is two characters
@example("無證明😀👨‍👩‍👧ﬃ")
def test_canonical_keeps_every_character_in_its_place(text):
    assert len(canonical(text)) == len(clean(text))


@given(NASTY)
def test_any_text_can_be_cut_for_the_index(text):
    assert all(part for part in index_terms(text).split(" ")) or index_terms(text) == ""


def test_traditional_characters_become_simplified():
    assert simplify("無犯罪記錄證明") == "无犯罪记录证明"
    assert canonical("領結婚證還需要單身證明嗎") == "领结婚证还需要单身证明吗"


def test_emoji_become_spaces_in_the_canonical_form():
    assert canonical("要证明吗😀👍") == "要证明吗  "
    assert clean("要证明吗😀") == "要证明吗😀"


def test_index_terms_find_two_character_words():
    terms = index_terms("无犯罪记录证明").split()
    assert {"犯罪", "证明", "记录"} <= set(terms)
    assert len(terms) == len(set(terms))
