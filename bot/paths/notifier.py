"""Delivers the casebook's notifications to whatever the city reads them with; where nothing is set they wait for the desk."""

from __future__ import annotations

import logging

from bot.casebook.casebook import Casebook
from bot.casebook.notifications import Notification
from bot.settings import Settings

from .service import ServiceDown, SignedService

MOST_AT_ONCE = 50
_log = logging.getLogger("mianzheng.notifier")


class Notifier:
    """Sends each notification to one address: POST /notification, signed (see service.py).

    The body is {"id", "kind", "reference", "region", "role", "addressee", "due_at"}; nothing in it is personal. Any JSON
    object with status 200 counts as received. One `id` may come twice, if an answer got lost on its way.
    """

    def __init__(self, casebook: Casebook, service: SignedService | None) -> None:
        self._outbox, self._service = casebook.notifications, service

    def deliver(self) -> int:
        """Deliver what waits and return how many arrived; at the first failure the others are left for later."""
        if self._service is None:
            return 0
        done = 0
        for one in self._outbox.take(MOST_AT_ONCE):
            try:
                self._service.ask("/notification", _body(one))
            except ServiceDown as error:
                _log.warning("notifications were not delivered: %s", error)
                self._outbox.missed(one.reference)
                break
            self._outbox.delivered(one.reference)
            done += 1
        return done

    def close(self) -> None:
        """Close all connections."""
        if self._service is not None:
            self._service.close()


def _body(one: Notification) -> dict[str, str | None]:
    return {
        "id": one.reference,
        "kind": one.kind,
        "reference": one.case_reference,
        "region": one.region,
        "role": one.role,
        "addressee": one.addressee,
        "due_at": one.due_at.isoformat() if one.due_at else None,
    }


def open_notifier(settings: Settings, casebook: Casebook) -> Notifier:
    """Return the notifier by the settings: to the address at MIANZHENG_NOTIFY_URL, else to nobody."""
    if not settings.notify_url:
        return Notifier(casebook, None)
    return Notifier(casebook, SignedService(settings.notify_url, settings.notify_secret))
