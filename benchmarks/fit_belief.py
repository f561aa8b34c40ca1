"""Fits when a message whose intent is out_of_scope is about a proof after all, and how often an intent is right; writes bot/belief.yml.

usage: benchmarks/fit_belief.py [--check]; --check writes nothing and fails where the file is not what would be written.
Asks the trained model the development half of the evaluation sets, message by message and dialogue by dialogue; the half
called test is never read here. Takes about four minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import warnings
from typing import Any

import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from actions.turn import message_of
from bot import belief
from bot.answering import ROUTES, answer_question, mend_route
from bot.context import Context
from bot.message import Message
from bot.models import model_path
from bot.settings import read_settings
from bot.several import answer_all
from connectors.guards import guard
from nlu.evaluation import dialogues, questions
from proof_catalogue.store import Catalogue, open_default

PENALTY = 1.0
SEEDS = 10  # shuffles that the cross-validation is the mean of
# A question that is sent on is asked again in other words; what is asked back about something else annoys. Both are kept rare.
THRESHOLD = 0.7


class Watch:
    """Notes what `belief` weighs for the messages it is asked about, and whether they are about a proof."""

    def __init__(self) -> None:
        self.features: list[dict[str, float]] = []
        self.about_proof: list[bool] = []
        self.odds: list[float] = []  # of the intents of questions whose intent is known
        self.right: list[bool] = []
        self._weigh, self._message = belief.features, Message("", "", 0.0, open_default().linker.link(""))
        self._gold: dict[str, Any] = {}
        belief.features = self._noted

    def next(self, message: Message, gold: dict[str, Any]) -> None:
        """Take note of `message`, which is right when answered as `gold` says."""
        self._message, self._gold = message, gold
        if gold.get("intent"):
            self.odds.append(belief.odds(message.confidence))
            self.right.append(message.intent == gold["intent"])

    def _noted(self, message: Message, context: Context, follows: bool) -> dict[str, float]:
        found = self._weigh(message, context, follows)
        sent_on, others = self._gold["expect"] == "out_of_scope", self._gold.get("alt_expect") or ()
        blurred = bool(others) if sent_on else "out_of_scope" in others
        if message is self._message and not blurred:
            self.features.append(found)
            self.about_proof.append(not sent_on)
        return found


def ask(catalogue: Catalogue, agent: Any, watch: Watch, gold: dict[str, Any], context: Context) -> Context:
    """Answer one message of the evaluation sets and return what the conversation carries then."""
    guarded = guard(gold.get("text") or gold["user"])
    if guarded.attack or guarded.crisis or guarded.nothing_left:
        return context
    parsed = asyncio.run(agent.parse_message(guarded.text))
    message = message_of(parsed, parsed.get("catalogue") or {}, catalogue, gold.get("region"))
    watch.next(message, gold)
    route = mend_route(message, context) or ROUTES.get(message.intent, answer_question)
    return answer_all(catalogue, message, context, route)[1]


def main() -> None:
    """Collect, fit, report, and write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    from rasa.core.agent import Agent
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.ERROR)

    agent, catalogue, watch = Agent.load(str(model_path(read_settings()))), open_default(), Watch()
    for question in questions("development"):
        ask(catalogue, agent, watch, question, Context())
    for dialogue in dialogues("development"):
        context = Context()
        for turn in dialogue["turns"]:
            context = ask(catalogue, agent, watch, turn, context)
    names = list(watch.features[0])
    found, wanted = np.array([list(f.values()) for f in watch.features]), np.array(watch.about_proof)
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    likely = np.mean(
        [
            cross_val_predict(
                model, found, wanted, cv=StratifiedKFold(10, shuffle=True, random_state=seed), method="predict_proba"
            )[:, 1]
            for seed in range(SEEDS)
        ],
        axis=0,
    )  # fmt: skip
    for least in sorted({0.5, 0.6, THRESHOLD, 0.8}):
        kept, sent = (likely >= least)[wanted], (likely < least)[~wanted]
        print(
            f"from {least}: {kept.sum()}/{len(kept)} about a proof kept, {sent.sum()}/{len(sent)} sent on, cross-validated"
        )
    model.fit(found, wanted)
    scale = LogisticRegression(C=1e6).fit(np.array(watch.odds)[:, None], watch.right)
    held = {
        "confidence": {
            "intercept": round(float(scale.intercept_[0]), 2),
            "slope": round(float(scale.coef_[0, 0]), 2),
        },
        "intercept": round(float(model.intercept_[0]), 2),
        "threshold": THRESHOLD,
        "weights": {n: round(float(w), 2) for n, w in zip(names, model.coef_[0], strict=True)},
    }
    text = "# Written by benchmarks/fit_belief.py; what the features mean stands in bot/belief.py.\n"
    text += yaml.safe_dump(held, allow_unicode=True, sort_keys=True)
    if arguments.check:
        same = belief.WEIGHTS.exists() and belief.WEIGHTS.read_text(encoding="utf-8") == text
        sys.exit(0 if same else f"{belief.WEIGHTS.name} is not what would be written")
    belief.WEIGHTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
