"""How pledge, data sharing and verification work, what a false pledge brings, what a region still keeps."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class ExplainPath(CitizenTurn, Action):
    """How pledge, data sharing and verification work, what a false pledge brings, what a region still keeps."""

    NAME = "action_explain_path"
    route = staticmethod(answering.explain)
