"""What every action shares: read the turn from the tracker, take the route, utter the answer, keep the context."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from bot.answer import Answer
from bot.answering import Route, mend_route
from bot.belief import calibrated
from bot.context import Context
from bot.message import Message
from bot.several import answer_all
from proof_catalogue.linker import Links, read_links
from proof_catalogue.meaning import Nearness
from proof_catalogue.store import Catalogue, open_default


def read_message(tracker: Tracker, catalogue: Catalogue) -> Message:
    """Return the latest message as the NLU understood it."""
    latest: dict[str, Any] = tracker.latest_message
    region = (latest.get("metadata") or {}).get("region")
    region = region if region in catalogue.regions else None
    return message_of(latest, latest.get("catalogue") or {}, catalogue, region)


def message_of(
    parsed: dict[str, Any], understood: dict[str, Any], catalogue: Catalogue, region: str | None
) -> Message:
    """Return a message as Rasa parsed it, `understood` being what the catalogue linker made of it, for somebody who lives in `region`."""
    text = parsed.get("text") or ""
    links = (
        read_links(understood["links"], catalogue.term, catalogue.rows, catalogue.regions)
        if understood.get("links")
        else Links(text)
    )
    intent = parsed.get("intent") or {}
    return Message(
        text=text,
        intent=intent.get("name") or "",
        confidence=float(intent.get("confidence") or 0.0),
        links=links,
        near=Nearness(lambda: catalogue.near(links.text)),
        profile_region=region,
        parts=tuple(message_of(part, part, catalogue, region) for part in understood.get("parts") or ()),
    )


def read_context(tracker: Tracker) -> Context:
    """Return what the conversation carries: as the connector holds it, else as this tracker does (rasa shell)."""
    held = (tracker.latest_message.get("metadata") or {}).get("context")
    return Context.of(held if held is not None else tracker.get_slot("conversation"))


def utter(
    dispatcher: CollectingDispatcher, tracker: Tracker, catalogue: Catalogue, answer: Answer, context: Context
) -> list[Any]:
    """Send `answer` to the connector and return the events that keep `context`."""
    intent = tracker.latest_message.get("intent") or {}
    sure = float(intent.get("confidence") or 0.0)
    if tracker.get_latest_input_channel() == "cmdline":  # rasa shell: words to read before the data
        dispatcher.utter_message(text="\n".join(r.text for r in answer.replies))
    dispatcher.utter_message(
        json_message={
            **answer.wire(),
            "edition": catalogue.meta["edition"],
            # What is wished outright by a button or a command is sure.
            "intent": {
                "name": intent.get("name") or "",
                "confidence": 1.0 if sure >= 1.0 else round(calibrated(sure), 4),
            },
            "context": context.json(),
        }
    )
    return [
        SlotSet("conversation", context.json()),
        SlotSet("proof", context.proof),
        SlotSet("matter", context.matter),
        SlotSet("region", context.region),
    ]


class CitizenTurn:
    """What an action of ours is made of: its `NAME` in the domain, and the `route` of bot/answering.py that answers it."""

    NAME: str
    route: Route

    def name(self) -> str:
        """Return the action's name in the domain."""
        return self.NAME

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Answer the latest message."""
        catalogue = open_default()
        message, context = read_message(tracker, catalogue), read_context(tracker)
        route = mend_route(message, context) or type(self).route
        answer, context = answer_all(catalogue, message, context, route)
        return utter(dispatcher, tracker, catalogue, answer, context)
