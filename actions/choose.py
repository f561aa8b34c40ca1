"""A button of a question back: one of the offered rows, or none of them."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot import answering
from proof_catalogue.store import open_default

from .turn import read_context, utter


class Choose(Action):
    """A button of a question back: one of the offered rows, or none of them."""

    def name(self) -> str:
        """Return the action's name in the domain."""
        return "action_choose"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Answer with the chosen row."""
        catalogue, context = open_default(), read_context(tracker)
        row_id = next(tracker.get_latest_entity_values("requirement_id"), None)
        if row_id and row_id in catalogue.rows:
            answer, context = answering.choose(catalogue, row_id, context)
        else:
            answer, context = answering.choose_none(catalogue, context)
        return utter(dispatcher, tracker, catalogue, answer, context)
