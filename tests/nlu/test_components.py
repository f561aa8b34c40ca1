"""Each Rasa component by itself, without training a model."""

import json
import re
import statistics
import time

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa.shared.utils.common import class_from_module_path

from nlu.catalogue_linker import UNDERSTOOD, CatalogueLinker
from nlu.intent_classifier import IntentClassifier
from nlu.question_splitter import MOST, PART, QuestionSplitter, split
from nlu.sentence_encoder import WIDTH, SentenceEncoder
from nlu.text_mender import TextMender
from proof_catalogue.linker import read_links

from ..support import ROOT

OURS = [TextMender, QuestionSplitter, SentenceEncoder, CatalogueLinker]
SENTENCES = ["公司注销要清税证明吗", "领失业金要失业登记证明吗", "你好", "户籍证明去哪开"]


@pytest.fixture
def make(tmp_path, catalogue):
    """Make a component as Rasa does, over a storage of its own."""
    storage = LocalModelStorage(tmp_path)

    def build(component, config=None, load=False):
        config = {**component.get_default_config(), **(config or {})}
        builder = component.load if load else component.create
        return builder(config, storage, Resource(component.__name__), ExecutionContext(GraphSchema({})))

    return build


def message(text):
    return Message({TEXT: text})


def processed(component, *texts):
    return component.process([message(t) for t in texts])


@pytest.mark.parametrize("component", OURS)
def test_what_a_component_needs_can_be_imported(component):
    assert all(__import__(name) for name in component.required_packages())
    assert isinstance(component.get_default_config(), dict)


@pytest.mark.parametrize("component", OURS)
@pytest.mark.parametrize("text", ["", " ", "？", "\u200b", "a" * 500, "证明" * 250, "/choose"])
def test_any_text_is_accepted(make, component, text):
    (found,) = processed(make(component), text)
    assert found.get(TEXT) is not None


@pytest.mark.parametrize("component", OURS)
def test_no_messages_and_messages_without_text(make, component):
    made = make(component)
    assert made.process([]) == []
    assert len(made.process([Message({})])) == 1


@pytest.mark.parametrize("component", OURS)
def test_a_message_takes_milliseconds(make, component):
    made = make(component)
    processed(made, *SENTENCES)
    times = []
    for _ in range(5):
        for text in SENTENCES:
            one = message(text)
            begun = time.perf_counter()
            made.process([one])
            times.append((time.perf_counter() - begun) * 1000)
    assert statistics.median(times) < 100, f"{component.__name__}: {statistics.median(times):.0f} ms"


def test_the_pipeline_names_our_components():
    names = [c["name"] for c in yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]]
    found = [class_from_module_path(n) for n in names if n.startswith("nlu.")]
    assert found == [*OURS[:-1], IntentClassifier, OURS[-1]], (
        "mend, then split, then encode, then tell apart, then link"
    )
    assert names.index("nlu.text_mender.TextMender") == 0


# --- the mender


def test_the_mender_mends_the_text_itself(make):
    found = processed(make(TextMender), "户藉證明去哪开", "公司注销要清税证明吗")
    assert [m.get(TEXT) for m in found] == ["户籍证明去哪开", "公司注销要清税证明吗"]
    assert TEXT in found[0].output_properties


def test_our_own_commands_are_not_mended(make):
    command = '/choose{"requirement_id": "F305"}'
    assert processed(make(TextMender), command)[0].get(TEXT) == command


def test_annotated_examples_are_not_mended(make):
    annotated = Message(
        {TEXT: "户藉证明去哪开", ENTITIES: [{"entity": "proof", "start": 0, "end": 4, "value": "户籍证明"}]}
    )
    data = TrainingData([annotated, message("户藉证明去哪开")])
    make(TextMender).process_training_data(data)
    assert [m.get(TEXT) for m in data.training_examples] == ["户藉证明去哪开", "户籍证明去哪开"]


# --- the splitter


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("公司注销要清税证明吗？低保要收入证明吗？", ["公司注销要清税证明吗？", "低保要收入证明吗？"]),
        ("低保要收入证明吗，那公租房呢", ["低保要收入证明吗", "那公租房呢"]),
        ("低保要收入证明吗\n公租房要收入证明不", ["低保要收入证明吗", "公租房要收入证明不"]),
        ("要无犯罪证明吗还有品德证明呢", ["要无犯罪证明吗", "还有品德证明呢"]),
        ("户口注销要什么证明 取存款要不要公证", ["户口注销要什么证明", "取存款要不要公证"]),
        (
            "我爸上个月走了，取他的存款要不要公证，户口注销又要什么证明",
            ["我爸上个月走了，取他的存款要不要公证", "户口注销又要什么证明"],
        ),
        (
            "请问，孩子上小学要计划生育证明吗，我家是外地的，落户要居住证明吗，我很急",
            ["请问，孩子上小学要计划生育证明吗", "我家是外地的，落户要居住证明吗，我很急"],
        ),
    ],
)
def test_several_questions_each_with_its_story(text, questions):
    assert split(text) == questions


@pytest.mark.parametrize(
    "text",
    [
        "公司注销要清税证明吗",
        "你好！请问公司注销要清税证明吗？",
        "想问一下，低保要收入证明吗",
        "我爸上个月走了。我人在外地。取他的存款要不要公证",
        "低保要收入证明吗？谢谢了，我急用",
        "我要办公司注销，窗口要清税证明",
        "不，公司注销要清税证明吗",
        "",
        "？",
        "，，，",
    ],
)
def test_one_question_stays_one_to_the_letter(text):
    assert split(text) == [text]


def test_of_many_questions_the_last_ones_stay_together():
    names = ["清税证明", "低保证明", "收入证明", "单身证明", "亲属关系证明"]
    found = split("".join(f"要{n}吗？" for n in names))
    assert len(found) == MOST and found[0] == "要清税证明吗？"
    assert all(n in found[-1] for n in names[MOST - 1 :])


@given(st.text(st.sampled_from("要吗呢不什么证明？。，、 \n还有那a"), max_size=60))
def test_splitting_loses_nothing_but_what_stands_between(text):
    found = split(text)
    assert 1 <= len(found) <= MOST
    assert re.sub(r"[ \n,，、]", "", "".join(found)) == re.sub(r"[ \n,，、]", "", text)


def test_the_splitter_adds_each_question_after_its_message(make):
    two, one = "公司注销要清税证明吗？低保要收入证明吗？", "户籍证明去哪开"
    found = processed(make(QuestionSplitter), two, one)
    assert [(m.get(TEXT), bool(m.get(PART))) for m in found] == [
        (two, False),
        ("公司注销要清税证明吗？", True),
        ("低保要收入证明吗？", True),
        (one, False),
    ]


def test_our_own_commands_are_not_split(make):
    command = '/choose{"requirement_id": "要吗？要吗？"}'
    assert [m.get(TEXT) for m in processed(make(QuestionSplitter), command)] == [command]


def test_training_data_are_not_split(make):
    data = TrainingData([message("公司注销要清税证明吗？低保要收入证明吗？")])
    made = make(QuestionSplitter)
    assert made.process_training_data(data) is data
    assert [m.get(TEXT) for m in data.training_examples] == ["公司注销要清税证明吗？低保要收入证明吗？"]


def test_the_questions_come_back_as_parts_of_their_message(make, catalogue):
    two, one = "杭州公司注销要清税证明吗？低保要收入证明吗？", "户籍证明去哪开"
    split_up = processed(make(QuestionSplitter), two, one)
    for m in split_up:
        m.set(INTENT, {"name": "ask_need_proof", "confidence": len(m.get(TEXT)) / 100})
    whole, other = make(CatalogueLinker).process(split_up)
    assert (whole.get(TEXT), other.get(TEXT)) == (two, one)
    parts = json.loads(json.dumps(whole.get(UNDERSTOOD)["parts"]))
    assert [p["text"] for p in parts] == ["杭州公司注销要清税证明吗？", "低保要收入证明吗？"]
    for part in parts:
        assert set(part) == {"text", "intent", "links"}
        assert part["intent"] == {"name": "ask_need_proof", "confidence": len(part["text"]) / 100}
        linked = read_links(part["links"], catalogue.term, catalogue.rows, catalogue.regions)
        assert linked == catalogue.linker.link(part["text"])
    assert "parts" not in other.get(UNDERSTOOD), "parts of one message are not those of the next"


# --- the encoder


def feature(found):
    (held,) = [f for f in found.features if f.attribute == TEXT]
    return held


def test_the_vector_is_a_dense_sentence_feature(make):
    (found,) = processed(make(SentenceEncoder), "公司注销要清税证明吗")
    assert feature(found).features.shape == (1, WIDTH) and feature(found).features.dtype == np.float32
    assert feature(found).type == "sentence"
    scale = SentenceEncoder.get_default_config()["scale"]
    assert np.linalg.norm(feature(found).features) == pytest.approx(scale, rel=1e-3)


def test_a_blank_message_is_encoded(make):
    assert np.isfinite(feature(processed(make(SentenceEncoder), " ")[0]).features).all()


def test_messages_without_text_get_none(make):
    assert processed(make(SentenceEncoder), "")[0].features == []


def test_what_training_left_is_loaded(make):
    data = TrainingData([message(t) for t in SENTENCES])
    trained = make(SentenceEncoder)
    assert trained.train(data) == Resource("SentenceEncoder")
    trained.process_training_data(data)
    assert all(m.features for m in data.training_examples)
    loaded = make(SentenceEncoder, load=True)
    one, other = (feature(processed(c, "办低保要收入证明吗")[0]).features for c in (trained, loaded))
    assert np.array_equal(one, other)
    untrained = feature(processed(make(SentenceEncoder), "办低保要收入证明吗")[0]).features
    assert not np.array_equal(one, untrained)


# --- the linker


def test_entities_and_links(make, catalogue):
    (found,) = processed(make(CatalogueLinker), "杭州公司注销要清税证明吗")
    held = {(e["entity"], e["value"]) for e in found.get(ENTITIES)}
    assert {("proof", "清税证明"), ("region", "330100")} <= held
    assert all(e["extractor"] == "CatalogueLinker" for e in found.get(ENTITIES))
    for e in found.get(ENTITIES):
        if e["entity"] == "proof":
            assert found.get(TEXT)[e["start"] : e["end"]] == "清税证明"
    understood = json.loads(json.dumps(found.get(UNDERSTOOD)))
    assert read_links(
        understood["links"], catalogue.term, catalogue.rows, catalogue.regions
    ) == catalogue.linker.link(found.get(TEXT))
    assert set(understood) == {"links"}, "nearness is worked out by the actions, where it is needed"
    assert UNDERSTOOD in found.output_properties and ENTITIES in found.output_properties


def test_entities_of_others_are_kept(make):
    other = {"entity": "region", "value": "x", "start": 0, "end": 1, "extractor": "Other"}
    (found,) = make(CatalogueLinker).process([Message({TEXT: "公司注销要清税证明吗", ENTITIES: [other]})])
    assert other in found.get(ENTITIES) and len(found.get(ENTITIES)) > 1


@pytest.mark.parametrize("text", ["wu fan zui ji lu zheng ming要吗", "wufanzui证明杭州", "İ杭州清税证明"])
def test_offsets_never_point_outside_the_text(make, text):
    for e in processed(make(CatalogueLinker), text)[0].get(ENTITIES):
        assert 0 <= e["start"] <= e["end"] <= len(text)


def test_the_importer_finds_the_data_whatever_paths_are_guessed():
    from nlu.importer import ProjectImporter

    importer = ProjectImporter(str(ROOT / "config.yml"), None, ["data"])
    assert len(importer.get_nlu_data().intents) >= 20
    assert importer.get_domain().action_names_or_texts
    assert len(importer.get_stories().story_steps) >= 20
