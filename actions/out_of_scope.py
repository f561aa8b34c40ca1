"""Something that this assistant is not for."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class OutOfScope(CitizenTurn, Action):
    """Something that this assistant is not for."""

    NAME = "action_out_of_scope"
    route = staticmethod(answering.out_of_scope)
