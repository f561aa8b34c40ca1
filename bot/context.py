"""What a conversation carries from one turn to the next, and how a short follow-up is filled up from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from proof_catalogue.linker import Links, Mention
from proof_catalogue.store import Catalogue

REMEMBERED = 12  # rows
_FOR_WHAT = re.compile(r"(?:用的|要用|时用|用到的?)[。.!！]?$")
# A follow-up leans on what was said before: 那离婚呢, 宁波也一样吗, 我说的是孩子的.
_FOLLOW_UP = re.compile(
    r"^(哦|噢|嗯|好|那|哪|如果|要是|换成|改成|不是|说错|错了|我说的|我是说|我问的)|也一样|一样吗|也要吗|也是吗|也行吗|[呢咧]$|的$|也要|也得|也可以"
)
_CORRECTION = re.compile(
    r"(?:不是|别是|不要)(?P<wrong>[^,。，!?？！ ]{1,14}?)[,，。 ]*(?:是|而是|我(?:是|问的是|说的是|要的是))(?P<right>.+)"
)


@dataclass(frozen=True)
class Context:
    """The slots of a conversation: names of proof and matter, region code, rows offered last, rounds asked back in a row.

    `row` is the requirement that was answered last: a path taken without a name is the path of that one. `recent` are the
    rows that were answered or offered, the last ones first.
    """

    proof: str | None = None
    matter: str | None = None
    region: str | None = None
    offered: tuple[str, ...] = ()
    rounds: int = 0
    topic: str | None = None
    row: str | None = None
    recent: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """Return a form that a Rasa slot can hold."""
        return {**asdict(self), "offered": list(self.offered), "recent": list(self.recent)}

    @classmethod
    def of(cls, value: dict[str, Any] | None) -> Context:
        """Read what `json` made; anything else gives an empty context."""
        if not isinstance(value, dict):
            return cls()
        known = {k: v for k, v in value.items() if k in cls.__dataclass_fields__}
        lists = {k: tuple(known.get(k) or ()) for k in ("offered", "recent")}
        return cls(**{**known, **lists})

    def remembering(self, rows: Iterable[str], before: Context) -> Context:
        """Return this context with `rows` of the last answer remembered, and those that were remembered before it."""
        return replace(self, recent=tuple(dict.fromkeys((*rows, *before.recent)))[:REMEMBERED])


@dataclass(frozen=True)
class Filled:
    """Links of one message after the context has been added, and what of it came from the context."""

    links: Links
    region: str | None
    proof_carried: bool = False
    matter_carried: bool = False

    @property
    def carried(self) -> bool:
        """Whether the message leaned on what was said before."""
        return self.proof_carried or self.matter_carried

    @property
    def spelled_out(self) -> str:
        """The message with what it leaned on said in full, for comparing meanings."""
        names = [m.term.name for m in (*self.links.matters, *self.links.proofs) if m.how == "context"]
        return "，".join([*names, self.links.text])


def corrected(text: str) -> tuple[str, str]:
    """Return of a correction what counts and what does not: 不是离职 我是退休 → (退休, 离职); of other sentences (text, "")."""
    match = _CORRECTION.search(text)
    return (match.group("right"), match.group("wrong").strip()) if match else (text, "")


def worded_as_follow_up(links: Links) -> bool:
    """Return whether a sentence is worded as one that goes on from another: 那…呢, …也一样吗."""
    return bool(_FOLLOW_UP.search(links.text.strip()))


def leans_on(context: Context, links: Links, intent: str, confidence: float) -> bool:
    """Return whether a message is a follow-up: short, and worded like one or empty of anything of its own."""
    if context.topic is None:
        return False
    size = len(re.sub(r"[^\w]", "", links.text))
    own_matter = links.names_matter
    if links.proofs and own_matter:
        return False
    if context.rounds > 0 and size <= 30:
        return True
    if size > 16:
        return False
    worded = worded_as_follow_up(links) or intent == "inform"
    bare = not links.proofs and not own_matter
    if bare and not worded:
        own_words = len(links.residue.replace(" ", ""))
        return confidence < 0.5 or own_words <= 1 or (bool(links.regions) and not links.says_paper)
    return worded


def fill(
    catalogue: Catalogue,
    links: Links,
    context: Context,
    intent: str,
    confidence: float,
    profile_region: str | None,
    follows: bool = False,
) -> Filled:
    """Add to `links` what the conversation already knows, where the message is a follow-up.

    The region is the sentence's own, else the conversation's, else the profile's. A proof is carried along only where the
    message says nothing unrecognised that may name another one. `follows`: it goes on from a question in the same message.
    """
    held = context.region if context.region in catalogue.regions else None
    region = (links.region.code if links.region else None) or held or profile_region
    own_matter = links.names_matter
    leans = context.topic and not (links.proofs and own_matter) if follows else False
    if not leans and not leans_on(context, links, intent, confidence):
        return Filled(links, region)
    right, wrong = corrected(links.text)
    if right != links.text:
        links = replace(catalogue.linker.link(right), regions=links.regions, region=links.region)
        # What was just taken back is not carried along: 不是离职 我是退休.
        if wrong and wrong in (context.proof or ""):
            context = replace(context, proof=None)
    if _FOR_WHAT.search(links.text.strip()) and context.proof and links.proofs:
        # 办继承公证用的 says what the paper is for, not another paper.
        links = replace(links, proofs=())
    old_proof = catalogue.term.get(("proof", context.proof or ""))
    old_matter = catalogue.term.get(("matter", context.matter or ""))
    own_matter = links.names_matter
    worded = follows or worded_as_follow_up(links) or bool(wrong) or intent in ("inform", "deny")
    if not links.proofs and not own_matter and worded:
        proofs, matters = catalogue.linker.fragments(links, old_proof, old_matter)
        links = replace(links, proofs=proofs, matters=(*links.matters, *matters))
        own_matter = bool(matters)
    explained = len(links.residue.replace(" ", "")) <= 1
    proof_carried = not links.proofs and old_proof is not None and (own_matter or explained)
    matter_carried = not own_matter and old_matter is not None
    if proof_carried and old_proof:
        links = replace(links, proofs=(Mention(old_proof, 0, 0, "context", frozenset()),))
    if matter_carried and old_matter:
        links = replace(links, matters=(*links.matters, Mention(old_matter, 0, 0, "context", frozenset())))
    return Filled(links, region, proof_carried, matter_carried)
