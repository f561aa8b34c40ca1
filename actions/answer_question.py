"""Is this proof needed, where is it issued, on what ground, which proofs does a matter need."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class AnswerQuestion(CitizenTurn, Action):
    """Is this proof needed, where is it issued, on what ground, which proofs does a matter need."""

    NAME = "action_answer_question"
    route = staticmethod(answering.answer_question)
