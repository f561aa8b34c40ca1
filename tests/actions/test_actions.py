"""Actions: one file a thing that a citizen can do, each of the domain's names served, the wire's fields uttered."""

import importlib
import inspect
import json

import pytest
import yaml
from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.turn import read_context, read_message
from bot.answer import OUTCOMES
from bot.belief import calibrated
from bot.context import Context

from ..support import ROOT

DOMAIN = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))


def action_classes():
    for path in sorted((ROOT / "actions").glob("*.py")):
        module = importlib.import_module(f"actions.{path.stem}")
        for _, held in inspect.getmembers(module, inspect.isclass):
            if issubclass(held, Action) and held.__module__ == module.__name__:
                yield path.stem, held


CLASSES = dict(action_classes())


def tracker(catalogue, text, intent, confidence=0.99, metadata=None, slots=None, entities=None):
    links = catalogue.linker.link(text)
    latest = {
        "text": text,
        "intent": {"name": intent, "confidence": confidence},
        "entities": entities or [],
        "metadata": metadata or {},
        "catalogue": {"links": links.json()},
    }
    latest = json.loads(json.dumps(latest, ensure_ascii=False))  # as it travels between the processes
    return Tracker("s", slots or {}, latest, [], False, None, {}, "action_listen")


def run(action, *arguments, **names):
    dispatcher = CollectingDispatcher()
    events = action().run(dispatcher, tracker(*arguments, **names), {})
    (message,) = dispatcher.messages
    json.dumps([message, events], ensure_ascii=False)
    return message["custom"], {e["name"]: e["value"] for e in events}


@pytest.mark.parametrize(
    ("text", "intent", "times"),
    [("谢谢", "thanks", 0), ("公司注销要清税证明吗", "ask_need_proof", 1), ("单身证明还要开吗", "ask_need_proof", 1)],
)  # fmt: skip
def test_nearness_is_worked_out_where_the_answer_needs_it_and_once(
    monkeypatch, catalogue, text, intent, times
):
    asked = []
    near = catalogue.near
    monkeypatch.setattr(catalogue, "near", lambda text: asked.append(text) or near(text))
    run(CLASSES["small_talk" if intent == "thanks" else "answer_question"], catalogue, text, intent)
    assert len(asked) == times


def test_the_domain_s_actions_are_those_in_the_folder():
    assert sorted(c().name() for c in CLASSES.values()) == sorted(DOMAIN["actions"])
    assert all(c().name() == f"action_{stem}" for stem, c in CLASSES.items())


@pytest.mark.parametrize(
    ("stem", "text", "intent", "outcome"),
    [
        ("answer_question", "公司注销要清税证明吗", "ask_need_proof", "answered"),
        ("explain_path", "告知承诺是什么意思", "ask_pledge", "answered_policy"),
        ("report_demand", "窗口乱要证明我要投诉", "report_demand", "answered_policy"),
        ("small_talk", "你好", "greet", "smalltalk"),
        ("hand_off", "转人工", "human", "handoff"),
        ("out_of_scope", "明天会下雨吗", "out_of_scope", "out_of_scope"),
        ("guardrail", "你个傻子", "abuse", "guardrail_abuse"),
    ],
)
def test_each_action_utters_the_wire_s_fields_and_keeps_the_context(catalogue, stem, text, intent, outcome):
    custom, slots = run(CLASSES[stem], catalogue, text, intent)
    assert custom["outcome"] == outcome and custom["outcome"] in OUTCOMES
    assert set(custom) >= {"outcome", "replies", "verdict", "candidates", "form", "intent", "context"}
    assert custom["intent"] == {"name": intent, "confidence": round(calibrated(0.99), 4)}
    assert slots["conversation"] == custom["context"]
    assert {k: slots[k] for k in ("proof", "matter", "region")} == {k: custom["context"][k] for k in ("proof", "matter", "region")}  # fmt: skip
    assert set(slots) <= set(DOMAIN["slots"])


def test_a_question_under_a_stray_intent_is_answered_all_the_same(catalogue):
    custom, _ = run(CLASSES["small_talk"], catalogue, "你好，公司注销要清税证明吗", "greet")
    assert custom["verdict"]["requirement_id"] == "F274"


def test_a_button(catalogue):
    chosen = [{"entity": "requirement_id", "value": "F305"}]
    custom, slots = run(CLASSES["choose"], catalogue, "/choose", "choose", entities=chosen)
    assert custom["verdict"]["requirement_id"] == "F305" and slots["region"] == "330100"
    for entities in ([], [{"entity": "requirement_id", "value": "F999"}]):
        custom, _ = run(CLASSES["choose"], catalogue, "/choose", "choose", entities=entities)
        assert custom["outcome"] == "not_listed"


def test_the_region_of_the_profile_is_read(catalogue):
    question = "离职提取住房公积金要离职证明吗"
    custom, _ = run(
        CLASSES["answer_question"], catalogue, question, "ask_need_proof", metadata={"region": "330100"}
    )
    assert custom["verdict"]["requirement_id"] == "F305"


def test_the_connector_s_context_outweighs_the_tracker_s(catalogue):
    held = Context(proof="收入证明", region="330100", topic="question")
    other = Context(proof="清税证明").json()
    found = tracker(
        catalogue, "x", "inform", metadata={"context": held.json()}, slots={"conversation": other}
    )
    assert read_context(found) == held
    assert read_context(tracker(catalogue, "x", "inform", slots={"conversation": other})) == Context.of(other)
    assert read_context(tracker(catalogue, "x", "inform")) == Context()


def test_links_survive_the_journey(catalogue):
    message = read_message(tracker(catalogue, "杭州公司注销要清税证明吗", "ask_need_proof"), catalogue)
    assert message.links == catalogue.linker.link("杭州公司注销要清税证明吗")
    assert message.near["F274"] > 0.8


@pytest.mark.parametrize(
    "latest", [{}, {"text": None, "intent": None, "metadata": None, "catalogue": None}, {"text": "要证明吗"}]
)
def test_a_message_that_no_nlu_has_seen_is_answered(catalogue, latest):
    bare = Tracker("s", {}, latest, [], False, None, {}, "action_listen")
    for stem in ("answer_question", "report_demand", "hand_off", "out_of_scope", "choose"):
        dispatcher = CollectingDispatcher()
        CLASSES[stem]().run(dispatcher, bare, {})
        assert dispatcher.messages[0]["custom"]["outcome"] in OUTCOMES, stem
