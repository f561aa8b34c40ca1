"""`mianzheng casebook`: what staff and operators do with the casebook from a terminal."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from ..settings import read_settings
from .casebook import Casebook, CaseError, CaseFilter, Page, open_casebook
from .demand_reports import FEWEST, OUTCOMES
from .pledges import HANDLINGS
from .sealing import new_key as make_key
from .store import CHINA, MOST_ON_PAGE
from .verifications import RESULTS

_staff = click.option("--staff", required=True, help="Your account's name; it goes into the audit trail.")
_person = click.option(
    "--id-number", prompt="Id number", help="Asked for if not given, so that no history keeps it."
)


@click.group()
def casebook() -> None:
    """The casebook: pledges, verification requests, demand reports, credit records."""


@contextmanager
def _open() -> Iterator[Casebook]:
    book = open_casebook(read_settings())
    try:
        yield book
    except CaseError as error:
        click.echo(f"not possible: {error}", err=True)
        sys.exit(1)
    finally:
        book.close()


def _show(found: Any) -> None:
    plain = [dataclasses.asdict(f) for f in found] if isinstance(found, list) else dataclasses.asdict(found)
    click.echo(json.dumps(plain, ensure_ascii=False, indent=2, default=str))


@casebook.command("new-key")
def new_key() -> None:
    """Print a fresh key. Put it before the old ones in MIANZHENG_CASEBOOK_KEY, restart, then run rotate-key."""
    click.echo(make_key())


@casebook.command("rotate-key")
def rotate_key() -> None:
    """Seal everything anew with the first key; afterwards the others may be taken away."""
    with _open() as book:
        click.echo(f"{book.upkeep.rotate_key()} seals renewed")


@casebook.command()
def tick() -> None:
    """Run the clock job as the web process does each minute: reminders, overdue requests, notifications; retention once a day."""
    from ..paths.notifier import open_notifier

    with _open() as book:
        done = book.tick()
        notifier = open_notifier(read_settings(), book)
        sent = notifier.deliver()
        notifier.close()
        if sent:
            click.echo(f"delivered: {sent} notifications")
        for kind, found in (("reminder", done.reminded), ("overdue", done.escalated)):
            for one in found:
                due = one.due_at.astimezone(CHINA).isoformat(timespec="minutes")
                click.echo(f"{kind}: {one.reference} {one.region} {one.handler} due {due}")
        for kind, count in done.retired.items():
            click.echo(f"erased: {count} {kind}")


@casebook.command()
def retire() -> None:
    """Erase at once what is older than bot/casebook/retention.yml allows."""
    with _open() as book:
        done = book.upkeep.retire(datetime.now(CHINA))
    click.echo(", ".join(f"{count} {kind}" for kind, count in done.items()) or "nothing to erase")


@casebook.command("list")
@click.argument(
    "kind",
    type=click.Choice(
        ["pledges", "verifications", "reports", "credit", "callbacks", "feedback", "notifications"]
    ),
)
@click.option("--state")
@click.option("--region", help="GB/T 2260 code; holds the regions below it.")
@click.option("--page", "number", default=1, show_default=True)
@click.option("--size", default=50, show_default=True, type=click.IntRange(1, MOST_ON_PAGE))
def list_(kind: str, state: str | None, region: str | None, number: int, size: int) -> None:
    """List cases as JSON, personal parts left out; exit status 1 if there are none."""
    with _open() as book:
        parts: dict[str, Callable[..., Page[Any]]] = {
            "pledges": book.pledges.page,
            "verifications": book.verifications.page,
            "reports": book.reports.page,
            "credit": book.credit.page,
            "callbacks": book.desk.callbacks,
            "feedback": book.desk.feedback,
            "notifications": book.notifications.page,
        }
        found = parts[kind](CaseFilter(state=state, region=region), number, size)
    _show(found.items)
    sys.exit(0 if found.items else 1)


@casebook.command()
@click.argument("reference")
@_staff
def show(reference: str, staff: str) -> None:
    """Show one case with its personal part; this is audited."""
    with _open() as book:
        readers = {
            "CN": book.pledges.read,
            "HC": book.verifications.read,
            "JB": book.reports.read,
            "XY": book.credit.read,
            "HH": book.desk.read_callback,
        }
        reader = readers.get(reference[:2])
        if reader is None:
            raise CaseError("unknown_reference")
        _show(reader(reference, staff))


@casebook.command()
@click.argument("reference")
@_staff
def decide(reference: str, staff: str) -> None:
    """Record that the matter of a pledge was decided."""
    with _open() as book:
        click.echo(book.pledges.decide_matter(reference, staff).state)


@casebook.command()
@click.argument("reference")
@click.option("--result", type=click.Choice(RESULTS), required=True)
@click.option("--note", default="", help="Words for the citizen.")
@_staff
def answer(reference: str, result: str, note: str, staff: str) -> None:
    """Answer a verification request."""
    with _open() as book:
        click.echo(book.verifications.answer(reference, result, note, staff).state)


@casebook.command("close-report")
@click.argument("reference")
@click.option("--outcome", type=click.Choice(OUTCOMES), required=True)
@click.option("--explanation", required=True, help="Words for the citizen.")
@_staff
def close_report(reference: str, outcome: str, explanation: str, staff: str) -> None:
    """Close a demand report and all that were joined to it."""
    with _open() as book:
        click.echo(book.reports.close(reference, outcome, explanation, staff).state)


@casebook.command()
@click.argument("month")
@click.option(
    "--fewest",
    default=FEWEST,
    show_default=True,
    type=click.IntRange(1),
    help="With fewer different demands than this, a region or an office is listed and not ranked.",
)
def board(month: str, fewest: int) -> None:
    """Print the board (领跑榜, 后进榜) of a month, YYYY-MM, as JSON."""
    with _open() as book:
        _show(book.reports.board(month, fewest=fewest))


@casebook.command("record-false-pledge")
@_person
@click.option("--name", prompt="Name")
@click.option("--region", required=True)
@click.option("--source", required=True, help="Who found it, on what legal ground.")
@click.option("--found", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day of the finding.")
@click.option("--pledge", help="The reference of the pledge that was false.")
@click.option("--handling", type=click.Choice(HANDLINGS), default="refused", show_default=True)
@_staff
def record_false_pledge(
    id_number: str,
    name: str,
    region: str,
    source: str,
    found: datetime,
    pledge: str | None,
    handling: str,
    staff: str,
) -> None:
    """Record that a pledge was found false."""
    with _open() as book:
        record = book.credit.record_false_pledge(
            id_number,
            name,
            region=region,
            source=source,
            staff=staff,
            found_at=found.replace(tzinfo=CHINA),
            handling=handling,
            pledge=pledge,
        )
    click.echo(record.reference)


@casebook.command()
@click.argument("reference")
@click.argument("step", type=click.Choice(["object", "uphold", "reject", "repair"]))
@click.option("--words", required=True, help="What was brought forward, or the ground of the decision.")
@_staff
def credit(reference: str, step: str, words: str, staff: str) -> None:
    """Record an objection to a credit record, the answer to it, or a repair."""
    with _open() as book:
        if step == "object":
            done = book.credit.object_to(reference, words, staff)
        elif step == "repair":
            done = book.credit.repair(reference, words, staff)
        else:
            done = book.credit.decide_objection(reference, step == "uphold", words, staff)
    click.echo(done.state)


@casebook.command("close-callback")
@click.argument("reference")
@click.option("--note", default="", help="Words for the citizen, who may ask after the number.")
@_staff
def close_callback(reference: str, note: str, staff: str) -> None:
    """Record that a citizen was called back."""
    with _open() as book:
        click.echo(book.desk.finish_callback(reference, note, staff).state)


@casebook.command()
@click.argument("reference")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A new file.")
@_staff
def photo(reference: str, to: Path, staff: str) -> None:
    """Write a demand report's photo (JPEG) to a file; exit status 1 if it has none. This is audited."""
    with _open() as book:
        found = book.reports.photo(reference, staff)
    if found is None:
        click.echo("no photo", err=True)
        sys.exit(1)
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(found)


@casebook.command("export")
@_person
@_staff
def export(id_number: str, staff: str) -> None:
    """Print all that is kept of one person as JSON; exit status 1 if nothing is."""
    with _open() as book:
        found = book.upkeep.export_person(id_number=id_number, staff=staff)
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    sys.exit(0 if found else 1)


@casebook.command("delete")
@_person
@_staff
@click.confirmation_option(prompt="Erase all that is kept of this person, but for credit records?")
def delete(id_number: str, staff: str) -> None:
    """Erase what is kept of one person; exit status 1 if nothing is."""
    with _open() as book:
        done = book.upkeep.delete_person(id_number=id_number, staff=staff)
    click.echo(", ".join(f"{count} {kind}" for kind, count in done.items()) or "nothing is kept")
    sys.exit(0 if done else 1)


@casebook.command("delete-case")
@click.argument("reference")
@_staff
@click.confirmation_option(prompt="Erase what is personal in this case?")
def delete_case(reference: str, staff: str) -> None:
    """Erase what is personal in one case (CN, HC, JB, HH, FK); its number, dates and what it was about stay."""
    with _open() as book:
        book.upkeep.delete_case(reference, staff=staff)
    click.echo("erased")


@casebook.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(file: Path) -> None:
    """Say whether a letter's file is the one that was issued, byte for byte; exit status 1 if not."""
    with _open() as book:
        found = book.pledges.check_file(file.read_bytes())
    if found is None:
        click.echo("not a letter that was issued here, or changed since")
        sys.exit(1)
    issued: date = found.issued_at.astimezone(CHINA).date()
    click.echo(f"genuine: {found.reference}, issued {issued}, {found.state}")


@casebook.command()
@click.option("--reference", default="")
def audit(reference: str) -> None:
    """Print who did what, the latest first."""
    with _open() as book:
        for e in book.upkeep.audit_trail(reference):
            at = e.at.astimezone(CHINA).isoformat(timespec="seconds")
            click.echo(f"{at}  {e.actor}  {e.action}  {e.reference}  {e.detail}".rstrip())
