"""What a conversation carries, and how short follow-ups are filled up from it."""

import inspect

import pytest

from bot.context import REMEMBERED, Context, Filled, corrected, fill

ASKED = Context(proof="收入证明", matter="申请最低生活保障", region="330100", topic="question")


def filled(catalogue, text, context=ASKED, intent="ask_need_proof", profile=None) -> Filled:
    values = {"confidence": 0.95}
    extra = {k: v for k, v in values.items() if k in inspect.signature(fill).parameters}
    return fill(
        catalogue,
        links=catalogue.linker.link(text),
        context=context,
        intent=intent,
        profile_region=profile,
        **extra,
    )


def names(found: Filled):
    return (
        {m.term.name for m in found.links.proofs},
        {m.term.name for m in found.links.matters if not m.term.generic},
    )


def test_it_travels_as_json_and_comes_back():
    context = Context("收入证明", None, "330100", ("F001", "F002"), 2, "question", "F003", ("F003", "F001"))
    assert Context.of(context.json()) == context
    assert isinstance(context.json()["offered"], list)


def test_the_rows_spoken_of_last_come_first_and_few_are_kept():
    context = Context().remembering(["F001", "F002"], Context(recent=("F002", "F009")))
    assert context.recent == ("F001", "F002", "F009")
    many = Context().remembering((f"F{n:03}" for n in range(40)), context).recent
    assert many[0] == "F000" and len(many) == REMEMBERED


@pytest.mark.parametrize("value", [None, {}, [], "x", 7, {"colour": "red"}, {"offered": None}])
def test_anything_else_gives_an_empty_context(value):
    assert Context.of(value) == Context()


def test_a_question_of_its_own_takes_nothing_along(catalogue):
    found = filled(catalogue, "公司办注销登记的时候要不要交清税证明")
    assert names(found)[0] == {"清税证明"} and "申请最低生活保障" not in names(found)[1]
    assert not found.carried


@pytest.mark.parametrize("text", ["那离婚登记呢", "换成落户呢"])
def test_a_new_matter_keeps_the_proof(catalogue, text):
    proofs, matters = names(filled(catalogue, text))
    assert "收入证明" in proofs and matters and "申请最低生活保障" not in matters


def test_a_new_proof_keeps_the_matter(catalogue):
    proofs, matters = names(filled(catalogue, "那财产证明呢"))
    assert proofs == {"财产证明"} and matters == {"申请最低生活保障"}


@pytest.mark.parametrize("text", ["宁波也一样吗", "宁波呢", "我在宁波"])
def test_a_new_place_keeps_both(catalogue, text):
    found = filled(catalogue, text)
    assert found.region == "330200" and found.carried
    assert names(found) == ({"收入证明"}, {"申请最低生活保障"})


def test_the_region_is_the_sentence_s_then_the_conversation_s_then_the_profile_s(catalogue):
    question = "公司注销登记要交清税证明吗，不交行不行啊"
    assert filled(catalogue, "温州" + question, profile="330500").region == "330300"
    assert filled(catalogue, question, profile="330500").region == "330100"
    assert filled(catalogue, question, Context(), profile="330500").region == "330500"
    assert filled(catalogue, question, Context()).region is None


def test_without_a_context_nothing_is_carried(catalogue):
    found = filled(catalogue, "那离婚呢", Context())
    assert not found.carried and not found.links.proofs


def test_terms_that_are_gone_from_the_catalogue_are_not_carried(catalogue):
    found = filled(
        catalogue, "那宁波呢", Context(proof="早没有的证明", matter="早没有的事", topic="question")
    )
    assert not found.carried and names(found) == (set(), set())


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("不是离职，我是退休", "退休"),
        ("不是收入证明，是财产证明", "财产证明"),
        ("不是杭州是宁波", "宁波"),
        ("公司注销要清税证明吗", "公司注销要清税证明吗"),
        ("", ""),
    ],
)
def test_the_part_of_a_correction_that_counts(text, right):
    assert corrected(text)[0] == right


def test_a_correction_takes_the_right_proof(catalogue):
    proofs, matters = names(filled(catalogue, "不是收入证明，是财产证明"))
    assert proofs == {"财产证明"} and matters == {"申请最低生活保障"}
