"""What a conversation carries from one turn to the next, and how a short follow-up is filled up from it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from proof_catalogue.linker import Links, Mention
from proof_catalogue.store import Catalogue

# A follow-up leans on what was said before: 那离婚呢, 宁波也一样吗, 我说的是孩子的.
_FOLLOW_UP = re.compile(
    r"^(哦|噢|嗯|好|那|哪|如果|要是|换成|改成|不是|说错|错了|我说的|我是说|我问的)|也一样|一样吗|也要吗|也是吗|也行吗|[呢咧]$|的$|也要|也得|也可以"
)
_CORRECTION = re.compile(
    r"(?:不是|别是|不要)(?P<wrong>[^,。，!?？！ ]{1,14}?)[,，。 ]*(?:是|而是|我(?:是|问的是|说的是|要的是))(?P<right>.+)"
)


@dataclass(frozen=True)
class Context:
    """The slots of a conversation: names of proof and matter, region code, rows offered last, rounds asked back in a row."""

    proof: str | None = None
    matter: str | None = None
    region: str | None = None
    offered: tuple[str, ...] = ()
    rounds: int = 0
    topic: str | None = None

    def json(self) -> dict[str, Any]:
        """Return a form that a Rasa slot can hold."""
        return {**asdict(self), "offered": list(self.offered)}

    @classmethod
    def of(cls, value: dict[str, Any] | None) -> Context:
        """Read what `json` made; anything else gives an empty context."""
        if not isinstance(value, dict):
            return cls()
        known = {k: v for k, v in value.items() if k in cls.__dataclass_fields__}
        return cls(**{**known, "offered": tuple(known.get("offered") or ())})


@dataclass(frozen=True)
class Filled:
    """Links of one message after the context has been added, and whether it leaned on the context."""

    links: Links
    region: str | None
    carried: bool = field(default=False)


def corrected(text: str) -> str:
    """Return the part of a correction that counts: 不是离职 我是退休 → 退休; other sentences unchanged."""
    match = _CORRECTION.search(text)
    return match.group("right") if match else text


def fill(
    catalogue: Catalogue, links: Links, context: Context, intent: str, profile_region: str | None
) -> Filled:
    """Add to `links` what the conversation already knows, where the message is a follow-up.

    The region is the sentence's own, else the conversation's, else the profile's.
    """
    named = links.region.code if links.region else None
    region = named or context.region or profile_region
    short = len(re.sub(r"[^\w]", "", links.text)) <= 16
    leans = bool(_FOLLOW_UP.search(links.text.strip())) or intent == "inform" or context.rounds > 0
    matters = [m for m in links.matters if not m.term.generic]
    if not (short or context.rounds > 0) or not leans:
        if not links.proofs and not matters and named and not links.says_paper and short:
            leans = True
        else:
            return Filled(links, region)
    old_proof = catalogue.term.get(("proof", context.proof or ""))
    old_matter = catalogue.term.get(("matter", context.matter or ""))
    proofs, kept = links.proofs, links.matters
    carried = False
    if not proofs and old_proof:
        proofs, carried = (Mention(old_proof, 0, 0, "context", frozenset()),), True
    if not matters and old_matter:
        kept, carried = (*kept, Mention(old_matter, 0, 0, "context", frozenset())), True
    return Filled(replace(links, proofs=proofs, matters=kept), region, carried)
