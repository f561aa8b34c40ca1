"""An office demanded a proof: how to complain, and what the catalogue says of it."""

from rasa_sdk import Action

from bot import answering

from .turn import CitizenTurn


class ReportDemand(CitizenTurn, Action):
    """An office demanded a proof: how to complain, and what the catalogue says of it."""

    NAME = "action_report_demand"
    route = staticmethod(answering.report_demand)
