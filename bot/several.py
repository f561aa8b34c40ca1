"""Several questions in one message: each is answered by itself, in order, where each surely asks for something of its own."""

from __future__ import annotations

import itertools
from dataclasses import replace

from proof_catalogue.decide import CHOICES, Decision
from proof_catalogue.store import Catalogue

from .answer import Answer
from .answering import Route, answer_message, answers_surely, ask_back, out_of_scope
from .context import Context
from .message import Message
from .words import say

# What may stand beside another answer; a part that gets anything else is passed over.
_TELLS = {"answered", "answered_list", "answered_policy", "clarification", "not_listed"}

MOST_TOLD = 5  # rows of one answer that are remembered
_OPEN = {"clarification", "not_listed"}
SENT_ON = 0.8  # a message so surely about something else is not taken apart


def answer_all(
    catalogue: Catalogue, message: Message, context: Context, route: Route
) -> tuple[Answer, Context]:
    """Return the answer to a message: to each of its questions in order where there are several, else by `route`.

    A later question leans on an earlier one as the next turn of a conversation would (…要无犯罪证明吗，品德证明呢).
    """
    whole = len(message.parts) < 2 or (route is out_of_scope and message.confidence >= SENT_ON)
    joined = None if whole else _each(catalogue, message, context)
    answer, after = joined or route(catalogue, message, context)
    if after == Context(region=after.region):
        return answer, after  # begun anew
    spoken_of = [v["requirement_id"] for v in answer.verdicts] or [
        c["requirement_id"] for c in answer.candidates
    ]
    return answer, after.remembering(spoken_of[:MOST_TOLD], context)


def _each(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context] | None:
    answers: list[tuple[Answer, Context]] = []
    # A place that is named once is meant in all parts.
    place = message.links.region.code if message.links.region else None
    held = replace(context, region=place or context.region)
    for part in message.parts:
        # By itself first, for it may be complete; else as what goes on from the one before.
        answer, after = answer_message(catalogue, part, Context(region=held.region))
        if answers and not _adds(answer, answers):
            going_on, then = answer_message(catalogue, replace(part, follows=True), held)
            if _adds(going_on, answers) or not _tells(part, answer):
                answer, after = going_on, then
        if answer.task:
            return None  # a path is wanted, and it is begun for a whole message
        if not _tells(part, answer):
            continue
        if any(_same(answer, other) for other, _ in answers):
            continue
        answers.append((answer, after))
        held = after
    if len(answers) < 2:
        return None
    if all(answer.outcome in _OPEN for answer, _ in answers):
        return _asked_together(catalogue, message, held, answers)
    # The next message answers what was asked back, whichever part that was about.
    asked = [after for _, after in answers if after.rounds and held.row not in after.offered]
    return _joined([answer for answer, _ in answers]), (
        replace(asked[-1], region=held.region) if asked else held
    )


def _asked_together(
    catalogue: Catalogue, message: Message, context: Context, answers: list[tuple[Answer, Context]]
) -> tuple[Answer, Context] | None:
    """Return one question back with what each of the questions may mean in turn; None where one of them is of another kind."""
    if any(answer.outcome != "clarification" for answer, _ in answers):
        return None
    offers = [[c["requirement_id"] for c in answer.candidates] for answer, _ in answers]
    in_turn = [i for offered in itertools.zip_longest(*offers) for i in offered if i]
    rows = catalogue.rows.all(list(dict.fromkeys(in_turn))[:CHOICES])
    after = replace(answers[-1][1], offered=tuple(r.id for r in rows))
    return ask_back(rows, Decision("ask_which", tuple(rows)), after, context, message)


def _tells(part: Message, answer: Answer) -> bool:
    """Return whether `answer` may stand beside another one."""
    return answer.outcome in _TELLS and answers_surely(part, answer)


def _adds(answer: Answer, answers: list[tuple[Answer, Context]]) -> bool:
    """Return whether `answer` asserts rows that none of `answers` does."""
    return answer.outcome == "answered" and not any(_same(answer, other) for other, _ in answers)


def _same(one: Answer, other: Answer) -> bool:
    """Return whether two answers say the same: the same rows, or the same words where there are none."""
    if one.verdicts and other.verdicts:
        return one.verdicts[0]["requirement_id"] == other.verdicts[0]["requirement_id"]
    return one.replies[0].text == other.replies[0].text


def _joined(answers: list[Answer]) -> Answer:
    first = next((a for a in answers if a.verdicts), answers[0])
    replies = [reply for answer in answers for reply in answer.replies]
    opening = say("two" if len(answers) == 2 else "three")
    replies[0] = replace(replies[0], text=opening + "\n" + replies[0].text)
    return Answer(
        first.outcome,
        replies,
        verdicts=[v for answer in answers for v in answer.verdicts],
        candidates=[c for answer in answers for c in answer.candidates],
    )
