"""Training data, domain and rules fit together, and nothing that is measured is trained on."""

import re

import jieba
import pytest
import yaml
from rasa.shared.nlu.training_data import entities_parser

from nlu import evaluation
from nlu.importer import ProjectImporter
from nlu.situations import situations
from proof_catalogue.text import canonical

from ..support import ROOT

DOMAIN = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
BUTTONS = {"choose", "choose_none"}
LEAST = 25


def examples():
    for path in sorted((ROOT / "nlu" / "data").glob("*.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            for line in entry["examples"].splitlines():
                if line.strip():
                    assert line.startswith("- "), f"{path.name}: {line!r} is no example"
                    yield entry["intent"], line[2:].strip(), path.name


EXAMPLES = list(examples())


def letters(text):
    return re.sub(r"[\W_]", "", canonical(text))


@pytest.mark.parametrize("intent", sorted(set(DOMAIN["intents"]) - BUTTONS))
def test_every_intent_has_enough_examples(intent):
    assert len({letters(t) for i, t, _ in EXAMPLES if i == intent}) >= LEAST


def test_intents_of_the_data_are_those_of_the_domain_without_the_buttons():
    assert {i for i, _, _ in EXAMPLES} == set(DOMAIN["intents"]) - BUTTONS


def test_no_example_stands_under_two_intents_or_twice():
    owner = {}
    for intent, text, name in EXAMPLES:
        held = owner.setdefault(text, (intent, name))
        assert held == (intent, name) and held[0] == intent, (text, held, intent, name)
    assert not [t for t in owner if t.startswith("/")]
    assert len(owner) == len(EXAMPLES), sorted(
        {t for _, t, _ in EXAMPLES if [x for _, x, _ in EXAMPLES].count(t) > 1}
    )


def test_situations_come_from_every_row_and_ask_nothing_of_another_kind(catalogue):
    found = set(situations())
    assert len(found) > 3 * len(catalogue.rows)
    assert sum(bool(found & set(r.asked_as)) for r in catalogue.rows.values()) >= 0.99 * len(catalogue.rows)
    assert not [t for t in found if "承诺" in t or "投诉" in t or "去哪" in t]


def test_the_importer_adds_the_situations():
    data = ProjectImporter("config.yml").get_nlu_data()
    texts = {m.get("text"): m.get("intent") for m in data.intent_examples}
    assert {texts[t] for t in situations()} <= {"ask_need_proof", "report_demand"}
    assert {i for i in DOMAIN["intents"] if i not in BUTTONS} == set(texts.values())


def test_the_rules_cover_every_intent_with_an_action_of_the_domain():
    rules = yaml.safe_load((ROOT / "bot" / "dialogue" / "rules.yml").read_text(encoding="utf-8"))["rules"]
    served = {}
    for rule in rules:
        (intent,) = [s["intent"] for s in rule["steps"] if "intent" in s]
        (action,) = [s["action"] for s in rule["steps"] if "action" in s]
        assert intent not in served, f"two rules for {intent}"
        served[intent] = action
    assert set(served) == set(DOMAIN["intents"])
    assert set(served.values()) <= set(DOMAIN["actions"]) and set(DOMAIN["actions"]) == set(served.values())


def test_what_is_measured_is_not_trained_on():
    trained = {letters(t) for _, t, _ in EXAMPLES} | {letters(t) for t in situations()}
    measured = [i["text"] for i in evaluation.questions()]
    # Greetings and other short turns are said by everybody; what a dialogue asks is not.
    measured += [t["user"] for d in evaluation.dialogues() for t in d["turns"] if len(letters(t["user"])) > 6]
    assert len(measured) > 100
    assert not [t for t in measured if len(letters(t)) > 6 and letters(t) in trained]


# --- entities: today nothing is annotated; what may be one day has to stand on the tokenizer's borders


@pytest.fixture(scope="module")
def cut(here, catalogue):
    """Rasa's jieba tokenizer with the catalogue's dictionary, apart from the one that other tests use."""
    tokenizer = jieba.Tokenizer()
    tokenizer.load_userdict(str(here.dictionary / "catalogue.txt"))
    return tokenizer


def off_the_borders(cut, text):
    """Return the entities of an annotated example whose ends are not ends of tokens."""
    plain = entities_parser.replace_entities(text)
    borders = {0} | {end for _, _, end in cut.tokenize(plain)}
    found = entities_parser.find_entities_in_training_example(text)
    return [plain[e["start"] : e["end"]] for e in found if not {e["start"], e["end"]} <= borders]


def test_the_checker_sees_what_it_should(cut):
    assert off_the_borders(cut, "申请教师资格要[无犯罪记录证明](proof)吗") == []
    assert off_the_borders(cut, '要[无犯罪记录证明]{"entity": "proof", "value": "无犯罪记录证明"}吗') == []
    assert off_the_borders(cut, "申请教师资格要[无犯罪记录证](proof)明吗") == ["无犯罪记录证"]
    assert off_the_borders(cut, "要证明吗") == []


def test_annotations_stand_on_token_borders_and_name_entities_of_the_domain(cut):
    wrong = []
    for _, text, name in EXAMPLES:
        found = entities_parser.find_entities_in_training_example(text)
        assert {e["entity"] for e in found} <= set(DOMAIN["entities"]), (name, text)
        wrong += [(name, text, w) for w in off_the_borders(cut, text)]
    assert not wrong


def test_catalogue_names_are_single_tokens(cut, catalogue):
    for word in ("无犯罪记录证明", "清税证明", "失业登记证明", "亲属关系证明"):
        assert word in catalogue.words() and word in list(cut.cut(f"要{word}吗"))
