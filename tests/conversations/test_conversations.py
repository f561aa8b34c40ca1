"""Whole dialogues against the real stack, through the API that the page and other programs use.

A dialogue is a name, an optional profile `region` and `turns`; a turn says or presses (a row's button, none, human, or a whole
payload) and states what must come back: outcome, outcome_not, row, not_row, kind, kind_not, intent, place, proof, offers,
nth_offer, buttons, contains, lacks; of an open form: form (its name, or null), asks, filled, error (words of one).
`{id}`, `{other_id}`, `{wrong_id}`, `{no_date}`, `{barred_id}` and `{down_id}` (the credit platform bars one, and is down for the other)
stand for made-up identity numbers, `{last}` for the last reference number; a payload may be pressed by its beginning and `*`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ..identities import BARRED, UNKNOWN_TO_PLATFORM, made_up, spoilt
from ..support import check_reply, said, verdicts

HERE = Path(__file__).parent
SAYS = {"say", "press", "region"}
EXPECTS = {"outcome", "outcome_not", "row", "not_row", "kind", "kind_not", "intent", "place", "proof", "offers", "nth_offer", "buttons", "contains", "lacks", "form", "asks", "filled", "error"}  # fmt: skip
NUMBERS = {
    "id": made_up(7),
    "other_id": made_up(8),
    "wrong_id": spoilt(made_up(7)),
    "no_date": made_up(7, "19900230"),
    "barred_id": BARRED,
    "down_id": UNKNOWN_TO_PLATFORM,
}


def dialogues() -> list[Any]:
    return [
        pytest.param(dialogue, id=f"{path.stem}: {dialogue['name']}")
        for path in sorted(HERE.glob("*.yml"))
        for dialogue in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_dialogues_are_written_as_the_runner_reads_them():
    for param in dialogues():
        (dialogue,) = param.values
        assert set(dialogue) <= {"name", "region", "turns"} and dialogue["turns"], param.id
        for turn in dialogue["turns"]:
            assert set(turn) <= SAYS | EXPECTS and set(turn) & EXPECTS, (param.id, turn)
            assert ("say" in turn) != ("press" in turn), (param.id, turn)


def payload_of(pressed: str) -> str:
    return pressed if pressed in ("none", "human") or ":" in pressed else f"choose:{pressed}"


def pressed(payload: str, buttons: list[str]) -> str:
    """Return the payload to press; one that ends in * is the first of the last reply's buttons that begins so."""
    if not payload.endswith("*"):
        return payload_of(payload)
    return next(b for b in buttons if b.startswith(payload[:-1]))


def filled_in(words: str, last: str) -> str:
    """Return what is said or pressed with the numbers put in."""
    for name, number in {**NUMBERS, "last": last}.items():
        words = words.replace("{" + name + "}", number)
    return words


@pytest.mark.stack
@pytest.mark.parametrize("dialogue", dialogues())
def test_dialogue(stack, dialogue):
    session, offered, talk, last, buttons = None, [], [], "", []
    for turn in dialogue["turns"]:
        region = turn.get("region", dialogue.get("region"))
        words = (
            {"message": filled_in(turn["say"], last)}
            if "say" in turn
            else {"payload": pressed(filled_in(turn["press"], last), buttons)}
        )
        reply = stack.chat(session_id=session, region=region, **words)
        session = reply["session_id"]
        talk.append(f"→ {turn.get('say') or turn.get('press')}\n← {reply['outcome']} {[v['requirement_id'] for v in verdicts(reply)]} {reply['intent']} {said(reply)}")  # fmt: skip
        try:
            check_reply(reply)
            assert reply["degraded"] is False
            check(turn, reply, offered)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(talk)) from None
        last = (reply["form"] or {}).get("reference") or last
        offered = [c["requirement_id"] for c in reply["candidates"]]
        buttons = [b["payload"] for r in reply["replies"] for b in r["buttons"]]


def check(turn: dict[str, Any], reply: dict[str, Any], offered_before: list[str]) -> None:
    """Assert what a turn states of its reply."""
    asserted = [v["requirement_id"] for v in verdicts(reply)]
    payloads = [b["payload"] for r in reply["replies"] for b in r["buttons"]]
    text = said(reply)
    if "outcome" in turn:
        assert reply["outcome"] in many(turn["outcome"]), f"outcome {reply['outcome']}"
    if "outcome_not" in turn:
        assert reply["outcome"] not in many(turn["outcome_not"]), f"outcome {reply['outcome']}"
    if "row" in turn:
        assert asserted[:1] and asserted[0] in many(turn["row"]), f"verdict {asserted}"
    if "nth_offer" in turn:
        assert asserted == [offered_before[turn["nth_offer"] - 1]], f"verdict {asserted}"
    if "not_row" in turn:
        assert not set(asserted) & set(many(turn["not_row"])), f"verdict {asserted}"
    if "kind" in turn:
        assert reply["verdict"]["kind"] == turn["kind"], reply["verdict"]["kind"]
    if "kind_not" in turn:
        assert not reply["verdict"] or reply["verdict"]["kind"] != turn["kind_not"]
    if "intent" in turn:
        assert reply["intent"]["name"] == turn["intent"]
    if "place" in turn:
        assert (reply["slots"]["region"] or {}).get("code") == turn["place"], reply["slots"]
    if "proof" in turn:
        assert reply["slots"]["proof"] == turn["proof"], reply["slots"]
    form = reply["form"] or {}
    if "form" in turn:
        assert form.get("name") == turn["form"], form
    if "asks" in turn:
        assert form.get("asks") == turn["asks"], form
    if "filled" in turn:
        assert form.get("filled") == turn["filled"], form
    if "error" in turn:
        assert any(turn["error"] in e for e in form["errors"]), form
    assert not any(number in str(reply) for number in NUMBERS.values()), "a whole number came back"
    for row in many(turn.get("offers", [])):
        assert f"choose:{row}" in payloads, payloads
    for payload in many(turn.get("buttons", [])):
        assert payload in payloads, payloads
    for words in many(turn.get("contains", [])):
        assert words in text, f"{words} is not said"
    for words in many(turn.get("lacks", [])):
        assert words not in text, f"{words} is said"
