"""Mending: slips become catalogue words, right sentences stay as they are."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proof_catalogue.spelling import Speller, fold
from proof_catalogue.text import canonical

from ..support import ROOT

# Slips that stand in the training examples on purpose; mending them is right.
SLIPS = (
    *("正明", "政明", "驾驶症", "公积经", "户藉", "正件", "fanzui", "zhengming", "证名"),
    *("户囗", "低饱", "入雪", "去事", "养老京", "公正处"),
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("户藉证明去哪开", "户籍证明去哪开"),
        ("公鸡金怎么提", "公积金怎么提"),
        ("单身正明还要吗", "单身证明还要吗"),
        ("社宝卡", "社保卡"),
        ("开wufanzui证明", "开无犯罪证明"),
        ("無犯罪記錄證明", "无犯罪记录证明"),
        ("wu fan zui ji lu zheng ming", "无犯罪记录证明"),
        ("hu ji证明", "户籍证明"),
    ],
)
def test_slips(catalogue, typed, meant):
    assert catalogue.linker.mend(typed) == meant


def test_pinyin_alone_is_understood(catalogue):
    assert "无犯罪" in catalogue.linker.mend("wufanzui zhengming")
    assert [m.term.name for m in catalogue.linker.link("wufanzui zhengming").proofs] == ["无犯罪记录证明"]


@pytest.mark.parametrize(
    "text", ["wifi密码", "hello world", "app怎么用", "id card", "ETC", "3.5米", "", "。", "A4纸"]
)
def test_other_latin_words_stay(catalogue, text):
    assert catalogue.linker.mend(text) == canonical(text)


@pytest.mark.parametrize(
    "text",
    [
        "买房子要开单身证明吗",
        "免证通是什么",
        "你去死",
        "周末自驾去哪",
        "叫人打给我",
        "先办失业登记证吗",
        "每年还要去社区吗",
        "不给就不办",
        "一共要交几份证明",
        "没房子的证明去哪里开伐",
        "我在县里上班",
        "等级评定",
    ],
)
def test_right_sentences_stay(catalogue, text):
    """Ordinary words that sound like catalogue words; 买 must never become 卖."""
    assert catalogue.linker.mend(text) == canonical(text)


def test_at_most_two_in_a_hundred_right_sentences_are_changed(catalogue):
    data = yaml.safe_load((ROOT / "nlu" / "data" / "ask_need_proof.yml").read_text(encoding="utf-8"))
    lines = [x[2:] for i in data["nlu"] for x in i["examples"].splitlines() if x.startswith("- ")]
    right = [x for x in lines if not any(s in canonical(x) for s in SLIPS)]
    changed = [
        (canonical(x), catalogue.linker.mend(x)) for x in right if catalogue.linker.mend(x) != canonical(x)
    ]
    report = "\n".join(f"{a}\n→ {b}" for a, b in changed)
    assert len(changed) <= 0.02 * len(right), f"{len(changed)} of {len(right)} changed:\n{report}"


def test_the_catalogue_s_own_names_are_right(catalogue):
    """No name or alias is taken for a slip of another one."""
    changed = []
    for term in catalogue.terms:
        changed += [
            (n, catalogue.linker.mend(n)) for n in term.names if catalogue.linker.mend(n) != canonical(n)
        ]
    assert not changed


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("wo ba zou le cunzhe zenme qu qian", "我爸走了存折怎么取钱"),
        ("xiaohai shang xiaoxue yao juzhuzheng ma", "小孩上小学要居住证吗"),
        ("在huangyan也要kanbing的单子", "在黄岩也要看病的单子"),
        ("ni hao, qing bang wo cha yi xia", "你好, 请帮我查一下"),
        ("women name wechat", "women name wechat"),
        ("company要注销, no problem", "company要注销, no problem"),
        ("name和date写错了", "name和date写错了"),
        ("select * from rows; drop table", "select * from rows; drop table"),
    ],
)
def test_whole_sentences_in_pinyin_are_read_and_english_is_left(catalogue, typed, meant):
    assert catalogue.linker.mend(typed) == meant


@given(st.text(st.sampled_from("证明正名户藉籍公积金鸡无犯罪收入要吗 a1,。"), max_size=25))
def test_without_pinyin_every_character_keeps_its_place(text):
    speller = Speller({"证明", "户籍", "公积金", "无犯罪记录", "收入证明"})
    assert len(speller.mend(text)) == len(text)


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz' "), max_size=60))
def test_any_letters_are_accepted(text):
    Speller({"证明", "户籍", "公积金", "无犯罪"}).mend(text)


@pytest.mark.timeout(10)
def test_letters_made_to_cost_time_do_not():
    Speller({"证明", "户籍", "安安", "阿暗"}).mend("an" * 250 + "x")


def test_sounds_that_are_commonly_mixed_are_one():
    assert fold("zheng") == fold("zen") and fold("shang") == fold("san") and fold("ming") == fold("min")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("要亲属关糸证明吗", "要亲属关系证明吗"),
        ("户囗迁移证明", "户口迁移证明"),
        ("翡翠证明", "翡翠证明"),  # rare, but like no word
        ("户口迁囗证明", "户口迁囗证明"),  # two words would fit
    ],
)
def test_a_rare_character_within_a_longer_word_is_mended_where_one_word_fits(typed, meant):
    assert Speller(["亲属关系证明", "户口迁移证明", "户口迁入证明", "户口迁出证明"]).mend(typed) == meant
