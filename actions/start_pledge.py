"""The citizen wants to pledge now: the requirement that is meant goes back to the connector, which opens the form."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class StartPledge(CitizenTurn, Action):
    """The citizen wants to pledge now: the requirement that is meant goes back to the connector, which opens the form."""

    NAME = "action_start_pledge"
    route = staticmethod(answering.start_pledge)
