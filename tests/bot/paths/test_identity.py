"""Names, document numbers and telephone numbers as people type them."""

import contextlib
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.paths.identity import (
    NotAnIdentity,
    find_number,
    find_phone,
    hide_name,
    hide_number,
    read_identity,
    read_name,
)

from ...identities import made_up, spoilt

GOOD = made_up()
X = next(n for n in map(made_up, range(1, 400)) if n.endswith("X"))
CHINESE = str.maketrans("0123456789", "零一二三四五六七八九")
WIDE = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"身份证{GOOD}",
        f"我的身份证号是{GOOD}",
        f"身份证号码：{GOOD}。",
        f"{GOOD[:6]} {GOOD[6:14]} {GOOD[14:]}",
        f"{GOOD[:6]}-{GOOD[6:14]}-{GOOD[14:]}",
        " ".join(GOOD),
        GOOD.translate(WIDE),
        GOOD.translate(CHINESE),
        f"我叫张三，{GOOD}",
        f"{GOOD} 张三",
        f"证件号{GOOD}谢谢",
    ],
)
def test_a_number_is_found_however_it_is_typed(text):
    found = find_number(text)
    assert found and read_identity(found[0]).number == GOOD


@pytest.mark.parametrize("last", ["X", "x", "×", "Ｘ", "叉"])
def test_an_x_at_the_end(last):
    assert read_identity(find_number(f"身份证{X[:17]}{last}")[0]).number == X


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (GOOD[:17], "length"),
        (GOOD + "1", "length"),
        ("12345", "length"),
        (GOOD[:6] + GOOD[8:17], "first_generation"),
        (made_up(born="19900230"), "date"),
        (made_up(born="19901301"), "date"),
        (made_up(born="18000101"), "date"),
        (made_up(born="19000229"), "date"),
        (made_up(born="20990101"), "future"),
        (made_up(region="990102"), "region"),
        (made_up(region="000000"), "region"),
        (spoilt(GOOD), "check_digit"),
        (spoilt(X), "check_digit"),
        ("33010219900101ABCD", "characters"),
    ],
)
def test_a_number_that_cannot_be_right_says_why(number, reason):
    with pytest.raises(NotAnIdentity) as problem:
        read_identity(number, today=datetime.date(2026, 11, 22))
    assert problem.value.reason == reason
    assert number not in str(problem.value)


def test_other_documents():
    for region in ("810000", "820000", "830000"):
        assert read_identity(made_up(region=region)).kind == "residence_permit"
    assert read_identity("E12345678").kind == "passport" and read_identity("ea1234567").number == "EA1234567"
    assert find_number("护照E12345678")[0] == "E12345678"


def test_a_county_that_no_longer_exists_and_a_code_given_after_birth():
    assert read_identity(made_up(region="330183")).kind == "id_card"  # 富阳市 until 2014
    assert read_identity(made_up(born="19500101")).kind == "id_card"


@given(
    st.integers(1, 999), st.dates(datetime.date(1930, 1, 1), datetime.date(2020, 1, 1)), st.integers(0, 16)
)
def test_every_changed_digit_of_the_front_is_noticed(serial, born, place):
    number = made_up(serial, born.strftime("%Y%m%d"))
    assert read_identity(number).number == number
    changed = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    with pytest.raises(NotAnIdentity):
        read_identity(changed)


@given(st.text(max_size=80))
def test_whatever_is_typed_is_read_without_an_error(text):
    read_name(text)
    find_phone(text)
    found = find_number(text)
    if found:
        with contextlib.suppress(NotAnIdentity):
            read_identity(found[0])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("张三", "张三"),
        ("我叫张三", "张三"),
        ("我是张建国", "张建国"),
        ("名字是张三", "张三"),
        ("姓名：李小明", "李小明"),
        ("我的名字叫孙悟空", "孙悟空"),
        ("我的名字是张三。", "张三"),
        ("本人王芳", "王芳"),
        ("叫王大力", "王大力"),
        ("俺叫赵铁柱", "赵铁柱"),
        ("我叫 张三", "张三"),
        ("我叫小明", "小明"),
        ("张三吧", "张三"),
        ("张三，谢谢", "张三"),
        ("“张三”", "张三"),
        ("应该是李四", "李四"),
        ("改成赵六", "赵六"),
        ("不是，是王五", "王五"),
        ("欧阳锋", "欧阳锋"),
        ("诸葛孔明", "诸葛孔明"),
        ("陈李佳佳", "陈李佳佳"),
        ("钱多多", "钱多多"),
        ("許文強", "許文強"),
        ("阿依古丽·买买提", "阿依古丽·买买提"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("John Smith", "John Smith"),
        ("我叫张三，今年四十岁", "张三"),
        ("我叫张三呀", "张三"),
        ("白雪", "白雪"),
        ("周杰伦", "周杰伦"),
        ("您好，我叫吴京", "吴京"),
        ("姓名张三", "张三"),
        ("户主叫马小跳", "马小跳"),
    ],
)
def test_a_name(text, name):
    assert read_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "谢谢",
        "好的",
        "可以",
        "同意",
        "不同意",
        "马上来",
        "金华",
        "温州",
        "宁波",
        "我是衢州人",
        "何必呢",
        "高兴",
        "那个",
        "成不成",
        "我妈",
        "我是监护人",
        "我是来办事的",
        "公司注销",
        "张伟?",
        "何时办",
        "方便吗",
        "算了",
        "先不填了",
        "继续",
        "嗯",
        "哦",
        "12345",
        "我不知道",
        "等一下",
        "安静",
        "还有呢",
        "全部",
        "时间",
        "于是",
        "明白",
        "应该",
        "单身",
        "收入证明",
        "无犯罪记录证明",
        "这个要多久",
        "会公开吗",
        "怎么写",
        "什么意思",
        "名字写错了",
        "写错了",
        "再见",
        "你好",
        "我叫什么",
        "我的名字",
        "转人工",
        "毛病",
        "司机",
        "万一",
        "任何",
        "严重",
    ],
)
def test_what_is_no_name(text):
    assert read_name(text) is None


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13800001111", "13800001111"),
        ("手机号138 0000 1111", "13800001111"),
        ("+86 138-0000-1111", "13800001111"),
        ("我的电话是１３８００００１１１１", "13800001111"),
        ("0571-88888888", None),
        ("12345", None),
        ("23800001111", None),
    ],
)
def test_a_telephone_number(text, phone):
    assert find_phone(text) == phone
    assert phone is None or find_number(text) is None


def test_what_is_shown_is_masked():
    assert hide_number(GOOD) == "3301**********" + GOOD[-4:]
    assert hide_number("E12345678") == "E1*****78"
    assert hide_name("张三") == "张*" and hide_name("欧阳锋") == "欧**"
