"""Abuse and attacks: calm words, nothing done."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class Guardrail(CitizenTurn, Action):
    """Abuse and attacks: calm words, nothing done."""

    NAME = "action_guardrail"
    route = staticmethod(answering.guardrail)
