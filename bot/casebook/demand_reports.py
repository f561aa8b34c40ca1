"""Demand reports: an office demanded a proof it may not demand; and the monthly board that comes of them."""

from __future__ import annotations

import hashlib
import re
import statistics
import threading
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection, Row

from . import tables
from .errors import CaseError
from .notifications import notify, settle
from .photo import clean_photo
from .store import CHINA, CITIZEN, Book, CaseFilter, Page

STATES = ("received", "handling", "closed", "deleted")
# What the catalogue says of the demand: may not be made, may be made, or the catalogue does not say.
LAWFUL = ("unlawful", "lawful", "unknown")
# What became of it: the demand was corrected, it stands and was explained, or nobody could find it out.
OUTCOMES = ("corrected", "explained", "unfounded")
_LONGEST = {
    "office": 120,
    "place": 200,
    "proof": 200,
    "matter": 200,
    "why": 2000,
    "contact": 120,
    "comment": 1000,
}


@dataclass(frozen=True)
class DemandReport:
    """A demand report. `why`, `contact` and `comment` are personal; they never appear in a log or a repr."""

    reference: str
    owner: str
    state: str  # one of STATES; a joined report has that of the report it was joined to
    region: str  # whose staff work on it
    office: str
    place: str
    proof: str
    matter: str
    requirement_id: str | None
    lawful: str  # one of LAWFUL
    joined_to: str | None  # the first report of the same demand, whose handling counts for this one too
    joined: int  # how many later reports were joined to this one
    outcome: str | None  # one of OUTCOMES
    told_at: datetime | None  # when this citizen was told the outcome
    satisfied: bool | None
    has_photo: bool
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    why: str = field(repr=False, default="")
    contact: str = field(repr=False, default="")
    explanation: str = field(repr=False, default="")  # staff's words on the outcome, for the citizen
    comment: str = field(repr=False, default="")


# Fewer demands than this in a month say too little of a region or an office to rank it (this service's own setting).
FEWEST = 3


@dataclass(frozen=True)
class BoardLine:
    """One region or office in a month. Shares are between 0 and 1; None where nothing is there to measure.

    A demand that many report is one demand. It counts as unlawful once staff have corrected it or, until they have looked
    at it, if the catalogue says so; what was closed as explained or unfounded counts against nobody.
    """

    name: str  # a GB/T 2260 code, or an office's name
    region: str
    reports: int  # joined ones counted
    demands: int  # different ones
    unlawful: int
    corrected: int
    closed: int
    closed_share: float
    median_hours: float | None  # from receipt to close
    rated: int  # citizens who said whether they are content
    satisfied_share: float | None
    open_unlawful: int


@dataclass(frozen=True)
class Board:
    """A month's board: who leads (领跑榜) and who lags (后进榜), by region and by office, best and worst first.

    Who had fewer than `fewest` demands is not ranked, and listed under `few_…` by name.
    """

    month: str  # YYYY-MM, China's time
    fewest: int
    leading_regions: list[BoardLine]
    lagging_regions: list[BoardLine]
    few_regions: list[BoardLine]
    leading_offices: list[BoardLine]
    lagging_offices: list[BoardLine]
    few_offices: list[BoardLine]


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).lower()


def same_demand(region: str, office: str, proof: str, matter: str) -> str:
    """Return what two reports of one demand have in common, whatever their spacing, width or punctuation."""
    parts = (_folded(part) for part in (office, proof, matter))
    return hashlib.sha256("\0".join([region, *parts]).encode()).hexdigest()


class DemandReports:
    """The demand reports of one casebook."""

    def __init__(self, book: Book) -> None:
        self._book = book
        # One photo is decoded at a time: each takes up to 120 MB of memory.
        self._drawing = threading.Lock()

    def open(
        self,
        owner: str,
        *,
        office: str,
        place: str,
        region: str,
        proof: str,
        matter: str,
        why: str,
        lawful: str,
        requirement_id: str | None = None,
        contact: str = "",
    ) -> DemandReport:
        """Keep a report and route it to its region; a report of a demand that is being worked on is joined to it.

        `lawful` is what the catalogue says of the demand (see LAWFUL). The same owner reporting the same open demand
        again gets the first report back. Raises CaseError: too_long, bad_value (naming the field).
        """
        texts = {
            "office": office,
            "place": place,
            "proof": proof,
            "matter": matter,
            "why": why,
            "contact": contact,
        }
        for name, value in texts.items():
            if len(value) > _LONGEST[name]:
                raise CaseError("too_long", name)
            if not value.strip() and name in ("office", "proof"):
                raise CaseError("bad_value", name)
        if lawful not in LAWFUL:
            raise CaseError("bad_value", "lawful")
        if not re.fullmatch(r"\d{6}", region):
            raise CaseError("bad_value", "region")
        table, sameness = tables.demand_reports, same_demand(region, office, proof, matter)
        with self._book.writing() as connection:
            self._book.hold(connection, sameness)
            same = select(table).where(
                table.c.sameness == sameness, table.c.state.in_(("received", "handling"))
            )
            earlier = connection.execute(same.order_by(table.c.created_at)).all()
            own = next((r for r in earlier if r.owner == owner), None)
            if own:
                return self._report(connection, own)
            first = next((r for r in earlier if r.joined_to is None), None)
            reference = self._book.add(
                connection,
                table,
                CITIZEN,
                {"why": why, "contact": contact},
                owner=owner,
                region=region,
                state=first.state if first else "received",
                office=office.strip(),
                place=place.strip(),
                proof=proof.strip(),
                matter=matter.strip(),
                requirement_id=requirement_id,
                lawful=lawful,
                sameness=sameness,
                joined_to=first.reference if first else None,
            )
            notify(self._book, connection, "report_received", reference, region)
            return self._report(connection, self._book.row(connection, table, reference))

    def get(self, reference: str, owner: str | None = None) -> DemandReport | None:
        """Return a report, or None if there is none or it is not `owner`'s."""
        table = tables.demand_reports
        with self._book.reading() as connection:
            row = connection.execute(select(table).where(table.c.reference == reference)).first()
            return self._report(connection, row) if row and owner in (None, row.owner) else None

    def of_owner(self, owner: str) -> list[DemandReport]:
        """Return an owner's reports, the latest first."""
        table = tables.demand_reports
        wanted = select(table).where(table.c.owner == owner).order_by(table.c.created_at.desc())
        with self._book.reading() as connection:
            return [self._report(connection, row) for row in connection.execute(wanted).all()]

    def page(self, wanted: CaseFilter = CaseFilter(), number: int = 1, size: int = 50) -> Page[DemandReport]:
        """Return one page of the staff's list, without what is personal."""
        conditions = self._book.conditions(tables.demand_reports, wanted)
        return self._book.page(tables.demand_reports, conditions, number, size, self._listed)

    def read(self, reference: str, staff: str) -> DemandReport:
        """Return a report to staff with its personal part; who read it is audited. Raises CaseError: unknown_reference."""
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.demand_reports, reference)
            self._book.record(connection, f"staff:{staff}", "read", tables.demand_reports, reference)
            return self._report(connection, row)

    def photo(self, reference: str, staff: str) -> bytes | None:
        """Return a report's photo (JPEG) to staff, or None if it has none; who looked is audited."""
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.demand_reports, reference)
            self._book.record(connection, f"staff:{staff}", "read_photo", tables.demand_reports, reference)
        return self._book.sealer.open(row.photo, self._photo_place(reference)) if row.photo else None

    def take_up(self, reference: str, staff: str, region: str | None = None) -> DemandReport:
        """Record that staff work on a report, or send it on to another region. Raises CaseError: unknown_reference, wrong_state."""
        values = {"region": region} if region else {"state": "handling"}
        return self._for_all(
            reference, staff, "route" if region else "take_up", ("received", "handling"), **values
        )

    def close(self, reference: str, outcome: str, explanation: str, staff: str) -> DemandReport:
        """Record the outcome, in words for the citizen, on this report and all that were joined to it.

        Raises CaseError: unknown_reference, wrong_state, bad_value, too_long.
        """
        if outcome not in OUTCOMES:
            raise CaseError("bad_value", "outcome")
        if len(explanation) > _LONGEST["why"]:
            raise CaseError("too_long", "explanation")
        return self._for_all(
            reference,
            staff,
            "close",
            ("received", "handling"),
            explanation,
            state="closed",
            outcome=outcome,
            closed_at=self._book.now(),
        )

    def _for_all(
        self,
        reference: str,
        staff: str,
        action: str,
        states: tuple[str, ...],
        explanation: str | None = None,
        **values: Any,
    ) -> DemandReport:
        """Change a report together with all that are joined to it, whichever of them is named."""
        table = tables.demand_reports
        with self._book.writing() as connection:
            named = self._book.row(connection, table, reference)
            if named.state not in states:
                raise CaseError("wrong_state", named.state)
            root = named.joined_to or named.reference
            group = select(table).where((table.c.reference == root) | (table.c.joined_to == root))
            for row in connection.execute(group.with_for_update()).all():
                if row.state not in states:
                    continue
                own = dict(values)
                if explanation is not None:
                    own["sealed"] = self._seal(row, explanation=explanation)
                self._book.change(
                    connection, table, row.reference, f"staff:{staff}", action, *_names(values), **own
                )
                if "state" in values:  # not where it was only sent on to another region
                    settle(connection, row.reference, self._book.now())
            return self._report(connection, self._book.row(connection, table, reference))

    def untold(self, owner: str) -> list[str]:
        """Return the numbers of an owner's closed reports whose outcome the owner has not been told yet."""
        table = tables.demand_reports
        closed = (table.c.owner == owner, table.c.state == "closed", table.c.told_at.is_(None))
        with self._book.reading() as connection:
            found = select(table.c.reference).where(*closed).order_by(table.c.closed_at)
            return list(connection.execute(found).scalars())

    def add_photo(self, reference: str, photo: bytes) -> DemandReport:
        """Keep a photo with a report that is still worked on, in place of an earlier one; drawn anew and sealed.

        Raises CaseError: unknown_reference, wrong_state, too_long, bad_value (see `clean_photo`).
        """
        with self._drawing:
            picture = clean_photo(photo)
        sealed = self._book.sealer.seal(picture, self._photo_place(reference))
        return self._set_photo(reference, "photo", sealed)

    def drop_photo(self, reference: str) -> DemandReport:
        """Erase a report's photo. Raises CaseError: unknown_reference, wrong_state."""
        return self._set_photo(reference, "drop_photo", None)

    def _set_photo(self, reference: str, action: str, sealed: bytes | None) -> DemandReport:
        table = tables.demand_reports
        with self._book.writing() as connection:
            row = self._book.row(connection, table, reference)
            if row.state not in ("received", "handling"):
                raise CaseError("wrong_state", row.state)
            self._book.change(connection, table, reference, CITIZEN, action, photo=sealed)
            return self._report(connection, self._book.row(connection, table, reference))

    def mark_told(self, reference: str) -> DemandReport:
        """Record that the outcome was told; then satisfaction may be asked. Raises CaseError: unknown_reference, wrong_state."""
        return self._after_close(reference, None, "told", told_at=self._book.now())

    def rate(
        self, reference: str, satisfied: bool, comment: str = "", owner: str | None = None
    ) -> DemandReport:
        """Record whether the citizen is content with the outcome (回访). Raises CaseError: unknown_reference, wrong_state, too_long."""
        if len(comment) > _LONGEST["comment"]:
            raise CaseError("too_long", "comment")
        return self._after_close(reference, owner, "rate", comment, satisfied=satisfied)

    def _after_close(
        self, reference: str, owner: str | None, action: str, comment: str = "", **values: Any
    ) -> DemandReport:
        table = tables.demand_reports
        with self._book.writing() as connection:
            row = self._book.row(connection, table, reference, owner)
            if row.state != "closed":
                raise CaseError("wrong_state", row.state)
            if comment:
                values["sealed"] = self._seal(row, comment=comment)
            self._book.change(connection, table, reference, CITIZEN, action, **values)
            if values.get("satisfied") is False:
                notify(self._book, connection, "report_unsatisfied", reference, row.region)
            return self._report(connection, self._book.row(connection, table, reference))

    def board(self, month: str, most: int = 10, fewest: int = FEWEST) -> Board:
        """Return the board of a month (YYYY-MM), made of the reports received in it; `most` lines a list.

        Regions and offices with fewer than `fewest` demands are listed and not ranked. Raises CaseError: bad_value.
        """
        try:
            since = datetime.strptime(month, "%Y-%m").replace(tzinfo=CHINA)
        except ValueError:
            raise CaseError("bad_value", "month") from None
        until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
        table = tables.demand_reports
        columns = [
            table.c[n]
            for n in (
                "reference",
                "joined_to",
                "region",
                "office",
                "lawful",
                "state",
                "outcome",
                "satisfied",
                "created_at",
                "closed_at",
            )
        ]
        of_month = select(*columns).where(
            table.c.created_at >= since, table.c.created_at < until, table.c.state != "deleted"
        )
        regions: dict[Any, list[Row]] = defaultdict(list)
        offices: dict[Any, list[Row]] = defaultdict(list)
        with self._book.reading() as connection:
            for row in connection.execute(of_month.order_by(table.c.created_at)):
                regions[row.region].append(row)
                offices[(_folded(row.office), row.region)].append(row)
        by_region = [_line(region, rows) for region, rows in regions.items()]
        by_office = [_line(rows[0].office, rows) for rows in offices.values()]
        ranked_regions, few_regions = _enough(by_region, fewest)
        ranked_offices, few_offices = _enough(by_office, fewest)
        return Board(
            month,
            fewest,
            _leading(ranked_regions)[:most],
            _lagging(ranked_regions)[:most],
            few_regions,
            _leading(ranked_offices)[:most],
            _lagging(ranked_offices)[:most],
            few_offices,
        )

    def _photo_place(self, reference: str) -> str:
        return self._book.place(tables.demand_reports, reference) + "/photo"

    def _sealed(self, row: Row) -> dict[str, Any]:
        return self._book.sealer.open_fields(
            row.sealed, self._book.place(tables.demand_reports, row.reference)
        )

    def _seal(self, row: Row, **more: str) -> bytes:
        place = self._book.place(tables.demand_reports, row.reference)
        return self._book.sealer.seal_fields({**self._sealed(row), **more}, place)

    def _report(self, connection: Connection, row: Row) -> DemandReport:
        table = tables.demand_reports
        joined = select(table.c.reference).where(table.c.joined_to == row.reference)
        count = len(connection.execute(joined).all())
        return self._make(row, self._sealed(row), count, row.photo is not None)

    def _listed(self, row: Row) -> DemandReport:
        return self._make(row, {}, 0, False)

    def _make(self, row: Row, sealed: dict[str, Any], joined: int, has_photo: bool) -> DemandReport:
        same: dict[str, Any] = {
            n: getattr(row, n)
            for n in (
                "reference", "owner", "state", "region", "office", "place", "proof", "matter", "requirement_id", "lawful",
                "joined_to", "outcome", "told_at", "satisfied", "created_at", "updated_at", "closed_at",
            )
        }  # fmt: skip
        return DemandReport(joined=joined, has_photo=has_photo, **same, **sealed)


def _names(values: dict[str, Any]) -> list[str]:
    return [str(values[n]) for n in ("state", "region", "outcome") if n in values]


def _line(name: str, rows: list[Row]) -> BoardLine:
    # All reports of one demand share its fate: the first of them stands for it.
    demands = list({row.joined_to or row.reference: row for row in reversed(rows)}.values())
    closed = [d for d in demands if d.state == "closed"]
    hours = [(d.closed_at - d.created_at).total_seconds() / 3600 for d in closed]
    rated = [row.satisfied for row in rows if row.satisfied is not None]
    corrected = sum(d.outcome == "corrected" for d in closed)
    open_unlawful = sum(d.state != "closed" and d.lawful == "unlawful" for d in demands)
    return BoardLine(
        name=name,
        region=rows[0].region,
        reports=len(rows),
        demands=len(demands),
        unlawful=corrected + open_unlawful,
        corrected=corrected,
        closed=len(closed),
        closed_share=len(closed) / len(demands),
        median_hours=statistics.median(hours) if hours else None,
        rated=len(rated),
        satisfied_share=sum(rated) / len(rated) if rated else None,
        open_unlawful=open_unlawful,
    )


def _enough(lines: list[BoardLine], fewest: int) -> tuple[list[BoardLine], list[BoardLine]]:
    """Return the lines with enough demands to be ranked, and the others by region and name."""
    few = [line for line in lines if line.demands < fewest]
    return [line for line in lines if line.demands >= fewest], sorted(few, key=lambda x: (x.region, x.name))


def _content(line: BoardLine) -> float:
    """Return the share of content citizens, drawn towards a half where few have said so: one voice is not 100 %."""
    return ((line.satisfied_share or 0.0) * line.rated + 1) / (line.rated + 2)


def _leading(lines: list[BoardLine]) -> list[BoardLine]:
    """Return who has closed everything that came, the most content citizens and the quickest answers first."""
    return sorted(
        (x for x in lines if x.closed == x.demands),
        key=lambda x: (-_content(x), x.median_hours or 0.0, -x.demands, x.name),
    )


def _lagging(lines: list[BoardLine]) -> list[BoardLine]:
    """Return who still lets wrongful demands stand or made them, the most first."""
    return sorted(
        (x for x in lines if x.unlawful),
        key=lambda x: (-x.open_unlawful, -x.unlawful, x.closed_share, x.name),
    )
