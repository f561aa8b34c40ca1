"""One message as the NLU understood it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from proof_catalogue.linker import Links

# What may be asked of a row that was answered, without meaning another one.
_DETAIL = re.compile(
    r"多久|多少|几[天次年个]|一次|钱|费|时间|电话|地址|依据|规定|法律|条|为啥|为什么|凭|真的?|确定|意思|明白|懂|一定|肯定|网上|手机|本人|自己|别人|认证|有效期|期限|流程|步骤|谢谢|好的?|行"
)


@dataclass(frozen=True)
class Message:
    """What was said, what it is taken to want and how surely (0–1), what it names, and how near it is to rows and FAQs (cosines)."""

    text: str
    intent: str
    confidence: float
    links: Links
    near: Mapping[str, float] = field(default_factory=dict)
    profile_region: str | None = None
    parts: tuple[Message, ...] = ()  # the questions of a message that holds several
    follows: bool = False  # goes on from the question before it in the same message

    @property
    def names(self) -> bool:
        """Whether it names a proof or a matter of its own."""
        return bool(self.links.proofs) or self.links.names_matter

    @property
    def best_row(self) -> float:
        """How near the nearest row is, 0 where none is known."""
        return max((v for k, v in self.near.items() if k.startswith("F")), default=0.0)

    @property
    def best_faq(self) -> float:
        """How near the nearest FAQ is, 0 where none is known."""
        return max((v for k, v in self.near.items() if not k.startswith("F")), default=0.0)

    @property
    def unexplained(self) -> str:
        """What is said beyond what was recognised and beyond details that may be asked of any row."""
        return _DETAIL.sub("", self.links.residue.replace(" ", ""))
