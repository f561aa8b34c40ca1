"""The casebook (办件簿): what citizens leave behind, kept sealed and audited, for the assistant and for staff.

    casebook = open_casebook(read_settings())
    owner = casebook.owner_of(session_id)
    draft = casebook.pledges.start(owner, row.json(), "330100", {"version": "2026-11", "elements": […]})
    casebook.pledges.set_field(draft.reference, "name", "…")       # on disk when it returns
    letter = casebook.pledges.submit(draft.reference)              # one letter, however often and by whomever asked
    casebook.verifications.open(owner, row.json(), "330100", immediate=True)
    casebook.reports.open(owner, office=…, lawful="unlawful", …)

Everything is synchronous and safe to call from many threads and from two processes on one database; an async caller
uses `asyncio.to_thread`. Each kind of case has its own part, so that a caller sees at once what it may do:
`pledges`, `verifications`, `reports`, `credit`, `desk`, `forms` that are still open, `notifications` to be delivered, and
`upkeep` for jobs. What a case does not allow is a
`CaseError` with a `code`; that the casebook cannot be used at all is a `CasebookError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..settings import Settings
from .credit_records import CreditBook
from .demand_reports import DemandReports
from .desk import Desk
from .errors import CasebookError, CaseError
from .notifications import Notifications
from .open_forms import OpenForms
from .pledges import Pledges
from .store import Book, CaseFilter, Clock, Page, find_reference, utc_now
from .upkeep import Upkeep
from .verifications import Verification, Verifications

__all__ = [
    "CaseError",
    "CaseFilter",
    "Casebook",
    "CasebookError",
    "Page",
    "Tick",
    "find_reference",
    "open_casebook",
]


@dataclass(frozen=True)
class Tick:
    """What one run of the clock job did: requests to remind their handlers of, requests that became overdue, and
    how many cases of each kind were erased because their time was over (once a day)."""

    reminded: list[Verification]
    escalated: list[Verification]
    retired: dict[str, int]


class Casebook:
    """An open casebook; close it when done."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.pledges = Pledges(book)
        self.verifications = Verifications(book)
        self.reports = DemandReports(book)
        self.credit = CreditBook(book)
        self.desk = Desk(book)
        self.forms = OpenForms(book)
        self.notifications = Notifications(book)
        self.upkeep = Upkeep(book, self.pledges)

    def owner_of(self, session_id: str) -> str:
        """Return the name under which the casebook knows a session or a channel's user; neither can be read from it."""
        return self._book.owner_of(session_id)

    def tick(self, now: datetime | None = None) -> Tick:
        """Run the clock job, each minute: mark what is to be reminded of and what became overdue; retention once a day."""
        now = now or self._book.now()
        return Tick(*self.verifications.watch(now), self.upkeep.retire_daily(now))

    def close(self) -> None:
        """Close all connections to the database."""
        self._book.close()


def open_casebook(settings: Settings, clock: Clock = utc_now) -> Casebook:
    """Open the casebook, bringing its tables up to date first; a first start on this machine makes database and key.

    `clock` gives the present moment; tests set it. Raises CasebookError if the database cannot be reached, or if its
    key is missing, wrong or open to others.
    """
    return Casebook(Book(settings, clock))
