"""Where Rasa keeps its copy of conversations: in memory, bounded, the longest idle dropped (docs/adr/0007)."""

from __future__ import annotations

from typing import Any

from cachetools import TTLCache
from rasa.core.tracker_store import InMemoryTrackerStore

MOST = 20_000  # conversations
IDLE_SECONDS = 2 * 60 * 60
EVENTS = 60  # events of a conversation that are read back; what counts travels with each message


class RecentTrackers(InMemoryTrackerStore):
    """Rasa's in-memory store that forgets: without a bound it grows, and long conversations slow every turn."""

    def __init__(self, domain: Any, event_broker: Any = None, **kwargs: Any) -> None:
        kwargs.pop("host", None)
        super().__init__(domain, event_broker, **kwargs)
        self.store: Any = TTLCache(MOST, IDLE_SECONDS)
        self.max_event_history = EVENTS
