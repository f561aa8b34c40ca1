"""What a form hears in a sentence: hundreds of ways to say yes, no, later, never, on, wrong."""

import time

import pytest
import yaml

from bot.paths.form import (
    asks,
    corrects,
    discards,
    is_stand_in,
    only_understood,
    replaces,
    resumes,
    says_no,
    says_yes,
    small_words,
    stops,
)

from ...support import ROOT

YES = """同意|我同意|我同意。|同意！|同意承担|我同意承担|我同意并承担法律后果|好的没问题|没问题|没有问题|没意见|可以|可以的|行|行的|行吧|好|好的|好吧|好嘞|好啊|
确认|确定|愿意|我愿意|我愿意承担责任|我愿意承担后果|接受|我接受|认可|是的|是|对|对的|对，没错|没错|属实|情况属实|无误|正确|成|中|要得|签|我签|我签字|提交|提交吧|
就这样写|就这样|就这么写|照这个写|按这个办|OK|ok|好的我同意|我已阅读并同意|我看过了，同意|全部同意|都同意|完全同意|嗯，同意|嗯嗯同意|那就同意吧|那我同意|对的，就这么写|
没毛病|我承诺|我承诺属实|自愿承诺|同意以上内容|好滴|对头|妥了|同意啦|我本人同意|已经看清，同意|好的，提交"""
NO = """不同意|我不同意|不愿意|我不愿意|不签|不签了|我不签|不想签|不想签了|拒绝|不行|不可以|不要|不接受|我不接受|不想承担|我不想承担责任|不承诺|不承诺了|不干|算了不签了|
不是|不对|不|否|no|反对|我不敢|还是不同意|那我不同意|对不起我不同意|不好意思，不同意|不认可|不答应|不肯|不用了|不需要|不同意承担|不想承诺了|我不想承诺|勿同意"""
UNDERSTOOD = (
    "嗯|嗯嗯|哦|噢|知道了|我知道了|明白|明白了|了解|了解了|晓得了|收到|看到了|我看过了|清楚了|懂了|啊"
)
STOP = """算了|算了吧|那算了|算啦|算了不填了|先不填了|不填了|不写了|先不弄了|不弄咧|不搞了|不办了|停|停下|暂停|退出|结束|取消|放弃|到此为止|我不想填了|太麻烦了|太麻烦了不填了|
我再想想|再想一想|让我想想|考虑一下|我考虑考虑|等一下|等会儿|稍等|晚点再填|改天再说|下次再弄|明天再弄|回头再填|先这样吧|我和家里商量一下|再看看|没想好|有空再说|不举报了|算了不投诉了|
不继续了|先不办了|stop|quit|以后再办|过几天再填"""
DISCARD = "删掉草稿|删除草稿|作废|彻底取消|把我填的都删了|全部删掉|取消承诺|撤销申请|不要保留|清空|草稿不要了|取消这份承诺|取消举报"
RESUME = """继续|继续吧|继续填|接着填|接着来|继续刚才的承诺|接着刚才的填|回到承诺|我要继续上次没填完的承诺|上次没填完的承诺，继续|好的继续|继续办|继续昨天的承诺|接着上次的承诺书填|
恢复刚才的举报|继续举报|请继续|那继续吧|继续写|没填完的承诺继续填"""
QUESTION = """同意伐|可以吗|好不好|行不行|能行吗|怎么填|这是什么|会公开吗|要多久|多少钱|谁看得到|在哪里交|什么后果|是不是必须的|能不能不签|为什么要身份证|不签会怎样|多久能好|
收入证明还要么|这个要不要交|咋填|填啥|公开给谁看呢|办低保要收入证明吗|可以不|能否代签|我能撤回吗?"""
OTHER = "张三|我叫张三|13800001111|我是他儿子|我是献血者王某的妻子|某某村村委会|杭州市西湖区|已经取消了|继承存款|亲属关系证明|早就取消了"


def each(text):
    return [s.strip() for s in text.replace("\n", "").split("|") if s.strip()]


@pytest.mark.parametrize("text", each(YES))
def test_yes(text):
    assert says_yes(text) and not says_no(text) and not stops(text) and not only_understood(text)


@pytest.mark.parametrize("text", each(NO))
def test_no(text):
    assert says_no(text) and not says_yes(text)


@pytest.mark.parametrize("text", each(UNDERSTOOD))
def test_having_heard_is_no_consent(text):
    assert only_understood(text) and not says_yes(text) and not says_no(text)


@pytest.mark.parametrize("text", each(STOP))
def test_stop(text):
    assert stops(text) and not says_yes(text) and not resumes(text) and not discards(text)


@pytest.mark.parametrize("text", each(DISCARD))
def test_discard(text):
    assert discards(text) and not says_yes(text) and not resumes(text)


@pytest.mark.parametrize("text", each(RESUME))
def test_resume(text):
    assert resumes(text) and not stops(text) and not says_no(text)


@pytest.mark.parametrize("text", each(QUESTION))
def test_a_question_is_none_of_these(text):
    assert asks(text)
    heard = (says_yes, says_no, stops, discards, resumes)
    assert not [h.__name__ for h in heard if h(text)]


@pytest.mark.parametrize("text", each(OTHER))
def test_an_answer_is_none_of_these(text):
    heard = (says_yes, says_no, stops, discards, resumes, asks, only_understood, small_words)
    assert not [h.__name__ for h in heard if h(text)]


FIELDS = ("name", "id_number", "facts", "phone")


@pytest.mark.parametrize(
    ("text", "field", "rest"),
    [
        ("名字写错了", "name", ""),
        ("姓名填错了，应该是张山", "name", "张山"),
        ("名字打错了，是李四", "name", "李四"),
        ("我的名字写错了", "name", ""),
        ("名字错了", "name", ""),
        ("名字不对", "name", ""),
        ("名字应该是李四", "name", "李四"),
        ("名字改成李四", "name", "李四"),
        ("我要改名字", "name", ""),
        ("改一下姓名", "name", ""),
        ("我的名字不是张三，是张山", "name", "张山"),
        ("身份证号填错了", "id_number", ""),
        ("身份证号填错了改成330102199001010039", "id_number", "330102199001010039"),
        ("身份证输错了一位", "id_number", ""),
        ("证件号有误", "id_number", ""),
        ("身份证号码不对", "id_number", ""),
        ("改一下身份证号", "id_number", ""),
        ("我想修改身份证号", "id_number", ""),
        ("号码打错了", "id_number", ""),
        ("承诺内容要改", "facts", ""),
        ("内容写错了", "facts", ""),
        ("承诺内容改成我是他儿子", "facts", "我是他儿子"),
        ("手机号错了", "phone", ""),
        ("电话改成13800001111", "phone", "13800001111"),
        ("刚才填错了", None, ""),
        ("写错了", None, ""),
        ("上一个写错了", None, ""),
        ("不好意思，填错了", None, ""),
        ("我打错了", None, ""),
    ],
)
def test_a_correction(text, field, rest):
    found = corrects(text, FIELDS)
    assert found is not None and found.field == field and rest in found.rest


@pytest.mark.parametrize(
    "text", ["张三", "同意", "330102199001010039", "我是他儿子", "手机号13800001111", "算了", "要交什么证明"]
)
def test_no_correction(text):
    assert corrects(text, FIELDS) is None


def test_this_and_not_that():
    assert replaces("不是张三，是张山", "张三") == "张山"
    assert replaces("不叫张三叫张山", "张三") == "张山"
    assert replaces("不是张三，是张山", "李四") is None
    assert replaces("张山", "张三") is None


@pytest.mark.parametrize(
    "text",
    [
        "帮我妈承诺",
        "我想替我爸签承诺书",
        "代我老公填",
        "我妈的身份证号是",
        "帮老人家办承诺",
        "代为承诺",
        "我替朋友签一下",
        "帮他填承诺书",
        "帮我儿子写承诺",
    ],
)
def test_for_another_person(text):
    assert is_stand_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "帮我填承诺书",
        "我妈献过血，我想用承诺代替",
        "我是献血者的儿子",
        "帮我办",
        "我老公住院，用血费用减免我来承诺",
        "我叫张三",
    ],
)
def test_for_oneself(text):
    assert not is_stand_in(text)


def test_the_longest_message_is_heard_quickly():
    for text in (
        "嗯" * 500,
        "好的" * 250,
        "不" * 500,
        "继续" * 250,
        "名字" * 250,
        "我刚才的" * 125,
        "写错" * 250,
    ):
        begun = time.perf_counter()
        for hear in (says_yes, says_no, stops, discards, resumes, asks, is_stand_in, only_understood):
            hear(text)
        corrects(text, FIELDS)
        replaces(text, "张三")
        assert time.perf_counter() - begun < 0.5


def test_phrases_are_texts_and_stand_once():
    held = yaml.safe_load((ROOT / "bot" / "paths" / "phrases.yml").read_text(encoding="utf-8"))

    def lists(value):
        if isinstance(value, list):
            yield value
        elif isinstance(value, dict):
            for one in value.values():
                yield from lists(one)

    for words in lists(held):
        assert all(isinstance(w, str) and w == w.lower() for w in words), words
        assert len(set(words)) == len(words), sorted(w for w in words if words.count(w) > 1)
