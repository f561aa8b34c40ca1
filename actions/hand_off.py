"""The citizen wants a person."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class HandOff(CitizenTurn, Action):
    """The citizen wants a person."""

    NAME = "action_hand_off"
    route = staticmethod(answering.hand_off)
