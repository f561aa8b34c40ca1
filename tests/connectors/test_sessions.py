"""Conversations: bounded, expiring, known by ids that are ours or well formed."""

import pytest
from cachetools import TTLCache

from connectors import sessions
from connectors.sessions import MAX_TURNS, Session, Sessions


def reply(*payloads):
    return {"replies": [{"text": "x", "buttons": [{"title": f"t{p}", "payload": p} for p in payloads]}]}


def test_an_id_that_is_none_of_ours_is_adopted_only_when_well_formed():
    held = Sessions()
    assert held.open("city-portal-000123").id == "city-portal-000123"
    for bad in (
        None,
        "",
        "short",
        "with space in it",
        "x" * 65,
        "中文会话编号一二三",
        "<script>alert</script>",
        "../../etc",
        "a\nb12345678",
    ):
        opened = held.open(bad)
        assert opened.id != bad and len(opened.id) >= 20


def test_ids_of_ours_cannot_be_guessed():
    held = Sessions()
    assert len({held.open(None).id for _ in range(200)}) == 200


def test_the_same_id_is_the_same_conversation():
    held = Sessions()
    one = held.open(None)
    assert held.open(one.id) is one and held.get(one.id) is one
    held.forget(one.id)
    held.forget(one.id)
    assert held.get(one.id) is None and held.open(one.id) is not one
    assert held.get(None) is None and held.get("") is None


def test_there_are_only_so_many(monkeypatch):
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 3)
    held = Sessions()
    ids = [held.open(None).id for _ in range(5)]
    assert len(held) == 3 and held.get(ids[0]) is None and held.get(ids[-1])


def test_they_expire_when_idle_and_not_while_used():
    now = [0.0]
    held = Sessions()
    held._held = TTLCache(10, sessions.IDLE_SECONDS, timer=lambda: now[0])
    one, other = held.open("a" * 10), held.open("b" * 10)
    for _ in range(4):
        now[0] += sessions.IDLE_SECONDS * 0.6
        assert held.get(one.id) is one
    assert held.get(other.id) is None


def test_turns_and_buttons_are_bounded():
    one = Session("x")
    for n in range(300):
        one.keep(f"m{n}", reply(f"p{n}"))
    assert len(one.turns) == MAX_TURNS and one.turns[-1]["message"] == "m299"
    assert len(one.offered) == 200 and "p299" in one.offered and "p0" not in one.offered


def test_buttons_of_earlier_turns_stay_pressable():
    one = Session("x")
    one.keep("a", reply("choose:F1", "none"))
    one.keep("b", reply("choose:F2"))
    assert one.offered == {"choose:F1": "tchoose:F1", "none": "tnone", "choose:F2": "tchoose:F2"}


@pytest.mark.parametrize("count", [1, 3])
def test_a_button_offered_again_counts_as_fresh(count):
    one = Session("x")
    one.keep("a", reply("none"))
    for n in range(count * 100):
        one.keep("b", reply(f"p{n}", "none"))
    assert "none" in one.offered
