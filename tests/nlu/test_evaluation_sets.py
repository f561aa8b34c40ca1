"""The evaluation sets are what nlu/evaluation/README.md says."""

import collections

import pytest
import yaml

from nlu import evaluation
from nlu.evaluation import GUARDS, short
from nlu.evaluation.run import SHORT_ONE_IN

from ..support import ROOT

NOISE = {"typo", "homophone", "pinyin", "traditional", "dialect", "colloquial", "situation", "long_rambling", "voice", "no_punctuation", "multi_question", "emoji", "mixed_english", "anger", "privacy"}  # fmt: skip
EXPECTS = {"row", "no_row", "matter_list", "policy", "clarification", "not_understood", *GUARDS}
GOLD = {"region", "noise", "expect", "accept", "accept_if_region_unknown", "alt_expect", "must_mention"}
QUESTION = GOLD | {"id", "text", "sector", "intent"}
DOMAIN = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
QUESTIONS, DIALOGUES = evaluation.questions(), evaluation.dialogues()
TURNS = [(f"{d['id']}.{n}", t) for d in DIALOGUES for n, t in enumerate(d["turns"])]


def test_there_are_enough():
    assert len(QUESTIONS) >= 900 and len(DIALOGUES) >= 70 and len(TURNS) >= 230
    ids = [i["id"] for i in (*QUESTIONS, *DIALOGUES)]
    assert len(set(ids)) == len(ids)
    texts = [q["text"] for q in QUESTIONS]
    assert len(set(texts)) == len(texts)


def test_fields():
    for q in QUESTIONS:
        assert QUESTION <= set(q) <= QUESTION | {"near", "core", "accept_all"}, q["id"]
        assert q["intent"] is None or q["intent"] in DOMAIN["intents"], q["id"]
    for d in DIALOGUES:
        assert set(d) == {"id", "tests", "sector", "turns"} and d["tests"] and len(d["turns"]) >= 2, d["id"]
    for name, turn in TURNS:
        assert GOLD | {"user"} <= set(turn) <= GOLD | {"user", "slots", "accept_all"}, name


@pytest.mark.parametrize("item", [*((q["id"], q) for q in QUESTIONS), *TURNS], ids=lambda item: item[0])
def test_gold(item, catalogue):
    name, gold = item
    rows = {*gold["accept"], *gold["accept_if_region_unknown"], *gold.get("near", []), *gold.get("core", [])}
    rows |= {row for group in gold.get("accept_all", []) for row in group}
    assert rows <= set(catalogue.rows), name
    assert gold["region"] is None or gold["region"] in catalogue.regions, name
    assert set(gold["noise"]) <= NOISE, name
    assert {gold["expect"], *gold["alt_expect"]} <= EXPECTS | {"form"}, name
    if gold["expect"] in ("row", "matter_list"):
        assert gold["accept"] or gold["accept_if_region_unknown"], f"{name} names no right row"
    assert len(gold.get("accept_all", [[], []])) >= 2, name


def test_sectors_are_the_catalogue_s_and_all_are_there(catalogue):
    sectors = {r.sector for r in catalogue.rows.values()}
    asked = {q["sector"] for q in QUESTIONS} - {None}
    assert asked == sectors, sectors ^ asked
    assert {d["sector"] for d in DIALOGUES} - {None} <= sectors
    counted = collections.Counter(q["sector"] for q in QUESTIONS)
    assert all(counted[q["sector"]] for q in QUESTIONS if q["accept"])


def test_every_kind_of_noise_is_there():
    counted = collections.Counter(n for q in QUESTIONS for n in q["noise"])
    counted.update(n for _, t in TURNS for n in t["noise"])
    assert set(counted) == NOISE
    assert min(counted[n] for n in NOISE - {"privacy"}) >= 15, counted


def test_the_short_form_is_fixed_and_asks_of_everything():
    questions, dialogues = short(QUESTIONS, SHORT_ONE_IN), short(DIALOGUES, SHORT_ONE_IN)
    assert questions == short(QUESTIONS, SHORT_ONE_IN)
    assert 150 <= len(questions) <= 300 and 12 <= len(dialogues) <= 40
    assert {"row", "no_row", "policy", *GUARDS} <= {q["expect"] for q in questions}
