"""What tells whether a message that sounds out of scope is about a proof after all."""

import pytest

from bot.belief import GUARD_INTENTS, SURE_IN_TALK, calibrated, features, in_scope, weights
from bot.context import Context
from bot.message import Message

TALK = Context(proof="收入证明", topic="proof", row="F274", recent=("F274",))


def told(catalogue, text, sure=0.7, row=0.9, faq=0.88):
    near = {"F274": row, "Q001": faq}
    return Message(text, "out_of_scope", sure, catalogue.linker.link(text), near)


def test_every_feature_has_its_weight(catalogue):
    found = features(told(catalogue, "家里老房子塌掉了"), Context(), False)
    assert found.keys() == weights().weights.keys() and any(weights().weights.values())
    assert 0.5 <= weights().threshold < 1.0
    assert {*SURE_IN_TALK, "out_of_scope"} == GUARD_INTENTS


@pytest.mark.parametrize("context", [Context(), TALK])
@pytest.mark.parametrize("near", [{}, {"F274": 0.2}, {"Q001": 1.0}])
def test_whatever_is_near_the_features_stay_in_bounds(catalogue, context, near):
    for text in ("", "啊", "帮我写首诗" * 60, "罚款怎么交"):
        for sure in (0.0, 1.0):
            message = Message(text, "out_of_scope", sure, catalogue.linker.link(text), near)
            assert all(-5 <= value <= 7.5 for value in features(message, context, True).values())
            assert in_scope(message, context, True) in (True, False)


def test_the_nearer_a_row_and_the_less_sure_the_likelier_it_is_about_a_proof(catalogue):
    text = "家里老房子塌掉了"
    assert in_scope(told(catalogue, text, sure=0.6, row=0.97), Context(), False)
    assert not in_scope(told(catalogue, text, sure=0.98, row=0.86), Context(), False)


def test_a_detail_of_what_is_talked_about_is_in_scope(catalogue):
    assert in_scope(told(catalogue, "几天到账", sure=0.6), TALK, True)
    assert not in_scope(told(catalogue, "几天到账", sure=0.97), Context(), False)


def test_calibrated_confidences_keep_their_order():
    said = [calibrated(n / 20) for n in range(21)]
    assert said == sorted(said) and len(set(said)) > 15 and all(0.0 < p < 1.0 for p in said)
