"""The one typed answer that every channel shows; its form is the wire contract's reply."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

OUTCOMES = {
    "answered",
    "answered_list",
    "answered_policy",
    "clarification",
    "not_listed",
    "not_understood",
    "out_of_scope",
    "smalltalk",
    "form",
    "form_done",
    "handoff",
    "guardrail_abuse",
    "guardrail_attack",
    "guardrail_privacy",
    "error",
}


@dataclass
class Reply:
    """One bubble: plain words that say everything, and the buttons below it."""

    text: str
    buttons: list[dict[str, str]] = field(default_factory=list)
    card: dict[str, Any] | None = None


@dataclass
class Answer:
    """What one message is answered with."""

    outcome: str
    replies: list[Reply]
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    candidates: list[dict[str, Any]] = field(default_factory=list)
    form: dict[str, Any] | None = None
    task: dict[str, Any] | None = None  # what the connector is to begin in the casebook; never on the wire

    @classmethod
    def of(cls, wire: dict[str, Any]) -> Answer:
        """Return the answer that `wire` was made of."""
        verdicts = wire.get("verdicts") or ([wire["verdict"]] if wire["verdict"] else [])
        replies = [Reply(**reply) for reply in wire["replies"]]
        return cls(wire["outcome"], replies, verdicts, wire["candidates"], wire["form"])

    def wire(self) -> dict[str, Any]:
        """Return the reply's fields of the wire contract that depend on the answer alone."""
        assert self.outcome in OUTCOMES, self.outcome
        made: dict[str, Any] = {
            "outcome": self.outcome,
            "replies": [asdict(r) for r in self.replies],
            "verdict": self.verdicts[0] if self.verdicts else None,
            "candidates": self.candidates,
            "form": self.form,
        }
        if self.task:
            made["task"] = self.task
        if len(self.verdicts) > 1:
            made["verdicts"] = self.verdicts
        return made
