"""Matters that are none of ours: each gets its own pointer, and nothing that speaks of a proof does."""

import re

import pytest
import yaml

from bot.answering import answer_message
from bot.context import Context
from bot.message import Message
from bot.neighbours import FILE, where_to_go
from bot.words import say

from ..support import said, verdicts

ENTRIES = yaml.safe_load(FILE.read_text(encoding="utf-8"))
# A sentence for each entry, in the file's order.
SENTENCES = [
    ["我的驾照还剩几分", "闯红灯被拍了怎么查", "车子年检过期了"],
    ["怎么挂号看牙", "医院门诊几点上班", "疫苗在哪预约"],
    ["社保缴了多少在哪查", "老板拖欠工资不给", "养老金怎么还没到账"],
    ["医保卡余额怎么看", "异地医保报销比例是多少"],
    ["公积金还有多少额度", "公积金提取进度在哪看"],
    ["个税怎么退", "发票开错了"],
    ["高铁票退票", "抢票抢不到"],
    ["护照几天能办好", "护照到期了"],
    ["想找个律师打官司", "离婚财产分割怎么算"],
    ["买到假货了", "商家不给退货"],
    ["公交卡没钱了", "地铁末班车几点"],
    ["小区停水了", "楼上噪音太大"],
    ["收到短信让我点链接是不是诈骗", "刷单被人坑了两万"],
    ["事业编几号考", "公务员报名什么时候开始"],
    ["电梯坏了没人修", "楼下广场舞吵死了"],
    ["学区怎么划的", "车牌摇号", "中考分数线"],
    ["政务大厅几点下班", "办事大厅在哪"],
]
OURS = [
    "办无犯罪证明要带什么",
    "公积金提取要离职证明吗",
    "驾照换证要体检证明么还剩几分",
    "护照办理要户籍证明吗几天",
    "社保转移要参保证明吗在哪查",
    "打官司要亲属关系证明吗",
    "停水证明哪里开",
    "孩子上幼儿园报名要居住证明吗学区",
    "政务大厅几点下班，我要开单身证明",
]


def ask(catalogue, text, intent="out_of_scope", context=None):
    links = catalogue.linker.link(text)
    message = Message(text, intent, 0.9, links, catalogue.near(links.text))
    answer, after = answer_message(catalogue, message, context or Context())
    return answer.wire(), after


def test_the_file_is_well_formed():
    assert len(ENTRIES) == len(SENTENCES), "a sentence for each entry"
    for entry in ENTRIES:
        assert set(entry) == {"says", "go"} and entry["says"] and entry["go"].strip()
        assert not re.search(r"[。{}]|证明", entry["go"]), "it stands within a sentence"
        for cue in entry["says"]:
            groups = [part.split("/") for part in cue.split("+")]
            words = [word for group in groups for word in group]
            assert all(word and word == word.strip() for word in words), cue
            assert all(len(set(group)) == len(group) for group in groups), f"a word twice: {cue}"
            if len(groups) == 1:
                assert all(len(word) > 1 for word in words), f"one character alone is too little: {cue}"
            assert not re.search("证明", cue), cue
    pointers = [entry["go"] for entry in ENTRIES]
    assert len(set(pointers)) == len(pointers)


def test_a_number_stands_beside_who_answers_it():
    for entry in ENTRIES:
        for number in re.findall(r"\d{5}", entry["go"]):
            assert re.search(rf"\D{{2,}}{number}", entry["go"]), entry["go"]
    assert "一般知识" in say("out_of_scope.neighbour", go="x"), (
        "the words say that numbers are not from a source"
    )


@pytest.mark.parametrize(
    ("number", "text"), [(n, text) for n, texts in enumerate(SENTENCES) for text in texts]
)
def test_each_entry_is_found_by_what_people_say(catalogue, number, text):
    assert where_to_go(text) == ENTRIES[number]["go"]
    wire, _ = ask(catalogue, text)
    assert wire["outcome"] == "out_of_scope" and not verdicts(wire)
    assert said(wire) == say("out_of_scope.neighbour", go=ENTRIES[number]["go"])


@pytest.mark.parametrize("text", OURS)
def test_what_speaks_of_a_proof_is_not_sent_away(catalogue, text):
    assert where_to_go(text) is None
    wire, _ = ask(catalogue, text, "ask_need_proof")
    assert wire["outcome"] != "out_of_scope", said(wire)
    wire, _ = ask(catalogue, text, "out_of_scope")
    assert not any(entry["go"] in said(wire) for entry in ENTRIES)


@pytest.mark.parametrize("intent", ["human", "abuse", "attack", "report_demand"])
def test_what_is_meant_more_strongly_comes_first(catalogue, intent):
    wire, _ = ask(catalogue, "楼上噪音太大", intent)
    assert wire["outcome"] != "out_of_scope"


@pytest.mark.parametrize("text", ["", "今天天气怎么样", "讲个笑话", "公司注销要清税证明吗"])
def test_other_things_get_no_pointer(text):
    assert where_to_go(text) is None


def test_an_interruption_keeps_what_the_talk_is_about(catalogue):
    before = Context("收入证明", "申请最低生活保障", "330100", (), 0, "question", "F289")
    _, after = ask(catalogue, "我的驾照还剩几分来着你能查查看吗谢谢啦", context=before)
    assert (after.proof, after.matter, after.region, after.row) == (
        before.proof,
        before.matter,
        before.region,
        before.row,
    )
