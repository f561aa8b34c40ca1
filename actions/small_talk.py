"""Greetings, thanks and the like."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class SmallTalk(CitizenTurn, Action):
    """Greetings, thanks and the like."""

    NAME = "action_small_talk"
    route = staticmethod(answering.small_talk)
