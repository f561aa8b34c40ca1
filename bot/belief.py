"""Whether an intent that ends the matter (abuse, danger, out of scope …) is meant, and not a situation that sounds like it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import yaml

from proof_catalogue.search import Model

from .context import Context, worded_as_follow_up
from .message import Message
from .neighbours import where_to_go
from .paths.form import asks

GUARD_INTENTS = {"abuse", "attack", "human", "crisis", "out_of_scope"}
# While a row is talked about, what is less sure than this is not believed.
SURE_IN_TALK = {"abuse": 0.89, "human": 0.88, "attack": 0.95, "crisis": 0.88}
NEIGHBOUR_SURE = 0.88  # of a message that names a matter of another office
WEIGHTS = Path(__file__).with_name("belief.yml")


@dataclass(frozen=True)
class Weights(Model):
    """A logistic model of whether a message is about a proof after all, and the line that calibrates confidences."""

    confidence: dict[
        str, float
    ]  # slope and intercept that bring the odds of an intent to how often it is right


@functools.cache
def weights(path: Path = WEIGHTS) -> Weights:
    """Return what benchmarks/fit_belief.py wrote. Raises OSError or ValueError if it cannot be read."""
    return Weights(**yaml.safe_load(path.read_text(encoding="utf-8")))


def calibrated(confidence: float) -> float:
    """Return how often an intent of that `confidence` (0–1) is right, by the evaluation sets; the order of confidences is kept."""
    held = weights().confidence
    return 1.0 / (1.0 + math.exp(-held["slope"] * odds(confidence) - held["intercept"]))


def believed(message: Message, context: Context, follows: bool) -> bool:
    """Return whether the intent of `message`, one of GUARD_INTENTS, is meant.

    Where the words are near to a row, or the talk is about one, it takes more to believe it.
    """
    links, intent, sure = message.links, message.intent, message.confidence
    names_paper = links.says_paper and message.names
    if intent == "out_of_scope":
        return not in_scope(message, context, follows)
    if intent in ("abuse", "human") and (sure < 0.45 or (names_paper and sure < 0.9)):
        return False
    if context.recent and sure < SURE_IN_TALK[intent]:
        return False
    if follows and intent in ("abuse", "attack") and sure < 0.95 and worded_as_follow_up(links):
        return False
    if intent == "abuse" and sure < 0.97 and links.regions:
        return False  # 乐清的，规矩都一样吧
    nearest = message.best_row
    if intent == "attack":
        return sure >= 0.9 and nearest < 0.92 and (sure >= 0.97 or not (links.says_paper or message.names))
    if intent == "crisis":
        return not names_paper and (sure >= 0.9 or (sure >= 0.5 and nearest < 0.905))
    if intent == "human":
        return sure >= 0.6 or nearest < 0.89
    return (sure >= 0.65 or nearest < 0.87) and not (asks(message.text) and nearest >= 0.95)


def in_scope(message: Message, context: Context, follows: bool) -> bool:
    """Return whether a message whose intent is out_of_scope is more likely about a proof after all."""
    links = message.links
    if message.confidence >= NEIGHBOUR_SURE and not links.proofs and where_to_go(links.text) is not None:
        return False
    held = weights()
    return held.score(features(message, context, follows)) >= held.threshold


def features(message: Message, context: Context, follows: bool) -> dict[str, float]:
    """Return what tells whether a message whose intent is out_of_scope is about a proof after all; each about -2 to 7."""
    links = message.links
    return {
        "odds": odds(message.confidence),
        "row": _nearness(message.best_row),
        "faq": _nearness(message.best_faq),
        "paper": float(links.says_paper),
        "proof": float(bool(links.proofs)),
        "matter": float(links.names_matter),
        "asks": float(asks(message.text)),
        "neighbour": float(where_to_go(links.text) is not None),
        "recent": float(bool(context.recent)),
        "follows": float(follows),
        "rounds": float(bool(context.rounds)),
        "topic": float(context.topic is not None),
        "offered": float(bool(context.offered)),
        "residue": min(1.0, len(links.residue.replace(" ", "")) / 10),
        "bare": float(len(message.unexplained) <= 1),
    }


def odds(probability: float) -> float:
    """Return the logarithm of the odds of a probability, kept within 0.02 and 0.999."""
    held = min(max(probability, 0.02), 0.999)
    return math.log(held / (1.0 - held))


def _nearness(cosine: float) -> float:
    """Return a cosine spread out over the range in which they differ; nothing that is there is farther than 0.8."""
    return (max(cosine, 0.8) - 0.9) / 0.05
