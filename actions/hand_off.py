"""The citizen wants a person, or somebody is in danger."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class HandOff(CitizenTurn, Action):
    """The citizen wants a person, or somebody is in danger."""

    NAME = "action_hand_off"
    route = staticmethod(answering.hand_off)
