"""`mianzheng catalogue` and `mianzheng faq`: ask, check, load, publish, look back."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .settings import read_settings

if TYPE_CHECKING:
    from proof_catalogue.content import Change
    from proof_catalogue.editions import Edition, Editions
    from proof_catalogue.requirement import Requirement
    from proof_catalogue.store import Catalogue

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_author = click.option(
    "--author", default=getpass.getuser, help="Who changes it; this system's user if not given."
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_edition = click.option(
    "--edition", "which", help="Number or label of an edition; the one in force if not given."
)
_said_on = click.option("--said-on", type=_DAY, help="Ask the edition that was in force on this day.")
_on = click.option("--on", type=_DAY, help="The day that is asked about; today if not given.")


@click.group()
def catalogue() -> None:
    """The proof catalogue."""


def _editions() -> Editions:
    from .models import prepare_catalogue

    return prepare_catalogue(read_settings())


def _open(which: str | None = None, said_on: datetime | None = None) -> tuple[Catalogue, Edition]:
    from proof_catalogue.store import open_edition

    return open_edition(_editions(), which, said_on.date().isoformat() if said_on else None)


def _shipped() -> list[Requirement]:
    """Return the rows of catalogue/data, or none where they cannot be read: that is a fault which is told anyway."""
    from proof_catalogue.errors import CatalogueError
    from proof_catalogue.requirement import read_requirements
    from proof_catalogue.store import DATA

    try:
        return read_requirements(DATA / "requirements.jsonl")
    except CatalogueError:
        return []


def _day(on: datetime | None) -> date:
    return on.date() if on else date.today()


def _print(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def _told(edition: Edition) -> str:
    mark = "*" if edition.in_force else " "
    counts = edition.difference.get("row", {})
    changed = " ".join(f"{what} {n}" for what, n in counts.items() if n) or "rows as before"
    return (
        f"{mark} {edition.number:4}  {edition.label:10}  {edition.published_at}  {edition.rows} rows ({changed})  "
        f"{edition.hash[:12]}  {edition.author}: {edition.note}"
    )


def _progress(what: str, done: int, of: int) -> None:
    click.echo(f"\r{what} {done}/{of}", nl=done >= of, err=True)


# --- asking ---------------------------------------------------------------------------------------------------------


@catalogue.command()
@click.argument("query")
@click.option("--region", help="GB/T 2260 code.")
@click.option("--limit", default=10, show_default=True)
@_on
@_edition
@_said_on
@_as_json
def search(
    query: str,
    region: str | None,
    limit: int,
    on: datetime | None,
    which: str | None,
    said_on: datetime | None,
    as_json: bool,
) -> None:
    """Search the catalogue; exit status 1 if nothing is found."""
    from proof_catalogue.search import search as find

    held, edition = _open(which, said_on)
    hits = find(held, query, _region(held, region), limit, _day(on))
    if as_json:
        rows = [
            {
                "requirement_id": h.row.id,
                "score": round(h.score, 4),
                "matched": h.matched,
                "verdict": h.row.verdict(),
                "edition": edition.label,
            }
            for h in hits
        ]
        _print(rows)
    else:
        for h in hits:
            click.echo(
                f"{h.row.id}  {h.score:.2f}  {h.row.verdict_kind:13}  {h.row.region}  {h.row.proof} · {h.row.matter}  [{', '.join(h.matched)}]"
            )
    sys.exit(0 if hits else 1)


@catalogue.command()
@click.argument("proof")
@click.option("--matter", help="What the citizen wants done.")
@click.option("--region", help="GB/T 2260 code; the home province if not given.")
@_on
@_edition
@_said_on
@_as_json
def decide(
    proof: str,
    matter: str | None,
    region: str | None,
    on: datetime | None,
    which: str | None,
    said_on: datetime | None,
    as_json: bool,
) -> None:
    """Say what the catalogue holds on a proof; exit status 1 if it gives no verdict. Works without Rasa."""
    from proof_catalogue.decide import decide as say_verdict
    from proof_catalogue.decide import named

    from .answering import short_line, verdict_text

    held, edition = _open(which, said_on)
    question = named(held, proof, matter, _region(held, region), _day(on))
    decision = say_verdict(held, question)
    if as_json:
        _print(
            {
                "kind": decision.kind,
                "verdicts": [r.verdict() for r in decision.rows],
                "edition": edition.label,
                "on": _day(on).isoformat(),
            }
        )
    elif decision.kind == "answer":
        for row in decision.rows:
            click.echo(f"{row.id} {row.verdict_kind}（版次 {edition.label}）\n{verdict_text(row)}")
    else:
        said = {"not_listed": "not in the catalogue", "unknown": "not understood"}
        click.echo(f"{said.get(decision.kind, 'which of these?')} (edition {edition.label})")
        for row in decision.rows:
            click.echo(f"  {row.id} {short_line(row)}")
        for row in decision.dated:
            click.echo(
                f"  {row.id} on other days ({row.valid_from or '…'} – {row.valid_until or '…'}) {short_line(row)}"
            )
    sys.exit(0 if decision.kind == "answer" else 1)


def _region(held: Catalogue, code: str | None) -> str | None:
    if code is not None and code not in held.regions:
        raise click.BadParameter(f"{code} is no GB/T 2260 code of this catalogue")
    return code


# --- loading --------------------------------------------------------------------------------------------------------


@catalogue.command("import")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--apply", is_flag=True, help="Put it into the draft; without this it is only shown what would change."
)
@click.option(
    "--whole", is_flag=True, help="Each sheet of FILE is the whole list: what is not in it is removed."
)
@click.option(
    "--set", "given", multiple=True, metavar="HEADING=TEXT", help="The cell of a column that FILE lacks."
)
@click.option(
    "--publish", "note", default="", metavar="NOTE", help="Publish the draft at once, with this note."
)
@click.option("--limit", default=200, show_default=True, help="Rows of the report.")
@_author
def import_(
    file: Path | None, apply: bool, whole: bool, given: tuple[str, ...], note: str, limit: int, author: str
) -> None:
    """Take a table (XLSX, CSV, JSONL) into the draft, all or nothing; a dry run unless --apply.

    A workbook may also hold what citizens call things, conflicts and claims of completeness, each on a sheet of its own.
    Without FILE: publish the shipped rows, if they are new here. Exit status 1 if the table has faults.
    """
    editions = _editions()
    if file is None:
        edition = editions.get()
        click.echo(f"{edition.rows} requirements, edition {edition.label}")
        return
    from proof_catalogue.content import changed
    from proof_catalogue.difference import difference
    from proof_catalogue.table_lists import list_changes, put_lists, sheet_name
    from proof_catalogue.tables import Fault, read_table

    draft = editions.draft()
    cells = dict(g.partition("=")[::2] for g in given)
    table = read_table(file, draft.regions, lambda n, of: _progress("rows", n, of or n), cells)
    for notice in table.notices:
        click.echo(notice)
    if table.faults:
        for fault in table.faults:
            click.echo(str(fault))
        sys.exit(1)
    # A workbook without rows is no list of rows, and removes none.
    found = difference(
        {r.id: r for r in draft.rows},
        table.rows,
        whole=whole and bool(table.rows),
        used=editions.used_ids(),
    )
    if found.faults:
        click.echo(found.text(limit))
        sys.exit(1)
    rows, gone = [c.after for c in (*found.changed, *found.added)], [r.id for r in found.removed]
    listed, wrong = put_lists(changed(draft, rows, set(gone)), table.lists, whole, gone)
    for name, number, message in wrong:
        click.echo(str(Fault(sheet_name(name), number, "", message)))
    if wrong:
        sys.exit(1)
    more = list_changes(draft, listed, table.lists)
    click.echo(found.text(limit, more))
    changes = bool(rows or gone or more)
    if not (changes or (apply and note)):
        return
    if not apply:
        click.echo("（以上只是预览，什么都没有改；确认后加 --apply 写入草稿）")
        return
    if changes:
        editions.change(
            author,
            rows=rows,
            remove=gone,
            lists=lambda content: put_lists(content, table.lists, whole, gone)[0],
            origin=file.name,
            progress=_progress,
        )
    if note:
        _publish(editions, author, note)
    else:
        click.echo("（已写入草稿；发布：mianzheng catalogue edition publish --note …）")


@catalogue.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--draft", is_flag=True, help="The draft in place of an edition.")
@_edition
def export(file: Path, draft: bool, which: str | None) -> None:
    """Write all rows to FILE; its ending says how: .jsonl, .csv or .xlsx. Only .xlsx holds names, conflicts and claims of completeness."""
    from proof_catalogue.tables import write_table

    editions = _editions()
    content = editions.draft() if draft else editions.frozen(editions.get(which))
    write_table(content.rows, file, _format(file), content=content)
    click.echo(f"{len(content.rows)} rows")


@catalogue.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def template(file: Path) -> None:
    """Write an empty table with all columns and two examples to FILE (.xlsx or .csv), to be filled in and imported."""
    from proof_catalogue.tables import write_template

    write_template(file, _format(file))


def _format(file: Path) -> str:
    from proof_catalogue.tables import FORMATS

    ending = file.suffix.lstrip(".").lower()
    if ending not in FORMATS:
        raise click.BadParameter(f"{file.name} ends in none of {', '.join('.' + f for f in FORMATS)}")
    return ending


@catalogue.command()
@click.option("--draft", is_flag=True, help="The draft in place of the shipped data.")
@click.option("--errors", "errors_only", is_flag=True, help="List errors only, no notices.")
@click.option(
    "--stale-years", default=5, show_default=True, help="How old a source may be before it is a notice."
)
@_on
@_as_json
def check(draft: bool, errors_only: bool, stale_years: int, on: datetime | None, as_json: bool) -> None:
    """Find faults in catalogue/data, or in the draft; exit status 1 if there are errors. Notices are for somebody to look at."""
    from proof_catalogue.check import check as find_faults
    from proof_catalogue.check import check_content
    from proof_catalogue.store import DATA

    from .paths.excluded import faults as excluded_faults

    if draft:
        content = _editions().draft()
        faults, rows = check_content(content, _day(on), stale_years), content.rows
    else:
        faults, rows = find_faults(DATA, _day(on), stale_years), _shipped()
    faults = sorted([*faults, *excluded_faults(rows)], key=lambda f: f.level != "error")
    errors = sum(f.level == "error" for f in faults)
    shown = [f for f in faults if f.level == "error" or not errors_only]
    if as_json:
        _print([vars(f) for f in shown])
    else:
        for fault in shown:
            click.echo(f"{fault.level:6}  {fault.subject}  {fault.message}")
        click.echo(f"{errors or 'no'} errors, {len(faults) - errors} notices")
    sys.exit(1 if errors else 0)


@catalogue.command()
@_as_json
def links(as_json: bool) -> None:
    """Ask the addresses of all sources whether they still answer; exit status 1 if some are gone. Offline it says so, with 0."""
    from proof_catalogue.links import check_links

    held, _ = _open()
    named: dict[str, list[str]] = {}
    for row in held.rows.values():
        named.setdefault(row.source_url, []).append(row.id)
    for faq in held.faqs.values():
        for source in faq.sources:
            named.setdefault(source.get("url") or "", []).append(faq.id)
    found = check_links(
        named, read_settings().data / "links.json", progress=lambda n, of: _progress("addresses", n, of)
    )
    if as_json:
        _print([{**vars(link), "named_by": named[link.url]} for link in found])
    else:
        for link in found:
            if link.state not in ("ok", "offline"):
                names = " ".join(named[link.url][:5]) + (" …" if len(named[link.url]) > 5 else "")
                click.echo(f"{link.state:11}  {link.url}  {link.target or link.detail}  {names}")
        for state in dict.fromkeys(link.state for link in found):
            click.echo(f"{sum(link.state == state for link in found)} {state}")
        if any(link.state == "offline" for link in found):
            click.echo("offline: nothing answers, so nothing is said about these addresses")
    sys.exit(1 if any(link.state == "gone" for link in found) else 0)


# --- publishing -----------------------------------------------------------------------------------------------------


@catalogue.group("edition")
def edition_group() -> None:
    """Published editions."""


@edition_group.command("list")
@_as_json
def list_editions(as_json: bool) -> None:
    """List the editions, newest first; the one in force has a star."""
    editions = _editions().all()
    if as_json:
        _print([e.json() for e in editions])
    else:
        for edition in editions:
            click.echo(_told(edition))


def _told_changes(changes: list[Change], most: int = 200) -> None:
    for change in changes[:most]:
        click.echo(f"{change.what:8} {change.kind} {change.subject}")
        for name, (old, new) in change.fields.items():
            if change.what == "changed":
                click.echo(
                    f"           {name}: {json.dumps(old, ensure_ascii=False)} → {json.dumps(new, ensure_ascii=False)}"
                )
    if len(changes) > most:
        click.echo(f"… and {len(changes) - most} more")


@edition_group.command("pending")
def pending() -> None:
    """Show what publishing the draft would change; exit status 1 if nothing."""
    changes = _editions().pending()
    _told_changes(changes)
    sys.exit(0 if changes else 1)


@edition_group.command("diff")
@click.argument("one")
@click.argument("other")
def diff(one: str, other: str) -> None:
    """Show what leads from edition ONE to edition OTHER; exit status 1 if nothing."""
    from proof_catalogue.content import compare, subjects

    editions = _editions()
    before, after = (subjects(editions.frozen(editions.get(which))) for which in (one, other))
    changes = compare(before, after)
    _told_changes(changes)
    sys.exit(0 if changes else 1)


@edition_group.command("publish")
@click.option("--note", required=True, help="Why, for those who look back.")
@click.option("--label", default="", help="A name other than the next YEAR.NUMBER.")
@_author
def publish(note: str, label: str, author: str) -> None:
    """Put the draft in force as the next edition; a draft with faults is not published."""
    _publish(_editions(), author, note, label)


def _publish(editions: Editions, author: str, note: str, label: str = "") -> None:
    from proof_catalogue.check import check_content

    errors = [f for f in check_content(editions.draft()) if f.level == "error"]
    for fault in errors:
        click.echo(f"{fault.subject}  {fault.message}")
    if errors:
        click.echo(f"{len(errors)} errors: not published")
        sys.exit(1)
    click.echo(_told(editions.publish(author, note, label, progress=_progress)))


@edition_group.command("rollback")
@click.argument("which")
@click.option("--note", default="", help="Why.")
@_author
def rollback(which: str, note: str, author: str) -> None:
    """Put what edition WHICH says in force again, as a new edition."""
    click.echo(_told(_editions().roll_back(which, author, note)))


@edition_group.command("discard")
@click.option("--yes", is_flag=True, help="Do it; without this it is only shown what would be lost.")
def discard(yes: bool) -> None:
    """Throw away what was changed in the draft since the last publication; exit status 1 if that is nothing."""
    editions = _editions()
    changes = editions.discard() if yes else editions.pending()
    _told_changes(changes)
    if changes:
        click.echo("（已丢弃，草稿和正在使用的版次一样）" if yes else "（以上改动都还在；确认丢弃加 --yes）")
    sys.exit(0 if changes else 1)


@catalogue.command()
@click.argument("subject")
@click.option(
    "--kind",
    type=click.Choice(["row", "proof", "matter", "faq", "conflict", "complete", "region"]),
    default="row",
    show_default=True,
    help="What SUBJECT is the id, name or code of; for conflict and complete it is ''.",
)
@_as_json
def history(subject: str, kind: str, as_json: bool) -> None:
    """Show every published change of one row or other thing, newest first; exit status 1 if there is none."""
    found = _editions().history(kind, subject)
    if as_json:
        _print(found)
    for entry in [] if as_json else found:
        click.echo(
            f"{entry['edition']}  {entry['published_at']}  {entry['what']}  {entry['author']}: {entry['note']}"
        )
        if entry["what"] == "changed":
            for name, (old, new) in entry["fields"].items():
                click.echo(
                    f"    {name}: {json.dumps(old, ensure_ascii=False)} → {json.dumps(new, ensure_ascii=False)}"
                )
    sys.exit(0 if found else 1)


@catalogue.command()
def encode() -> None:
    """Encode what a large publication has left for later; search by meaning knows it from then on."""
    click.echo(f"{_editions().encode(_progress)} wordings encoded")


# --- FAQs -----------------------------------------------------------------------------------------------------------


@click.group()
def faq() -> None:
    """Rules of the reform as questions and answers: draft, published, retired."""


@faq.command("list")
@_as_json
def list_faqs(as_json: bool) -> None:
    """List every version of every FAQ."""
    versions = _editions().faq_versions()
    if as_json:
        _print([vars(f) for f in versions])
    for f in [] if as_json else versions:
        click.echo(f"{f.id} v{f.version} {f.state:9} {f.topic:14} {f.question}")


@faq.command("draft")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_author
def draft_faqs(file: Path, author: str) -> None:
    """Take the FAQs of a YAML FILE (as catalogue/data/faqs.yml) in as drafts, each as its next version."""
    from dataclasses import replace

    from proof_catalogue.faqs import read_faqs

    editions = _editions()
    latest: dict[str, int] = {}
    for held in editions.faq_versions():
        latest[held.id] = max(held.version, latest.get(held.id, 0))
    made = [replace(f, state="draft", version=latest.get(f.id, 0) + 1) for f in read_faqs(file)]
    editions.change(author, faqs=made)
    for f in made:
        click.echo(f"{f.id} v{f.version} draft  {f.question}")


@faq.command("publish")
@click.argument("faq_id")
@click.option("--version", type=int, help="An earlier version; the newest if not given.")
@click.option("--note", default="", help="Why.")
@_author
def publish_faq(faq_id: str, version: int | None, note: str, author: str) -> None:
    """Publish a version of an FAQ, at once, as a new edition."""
    _move(faq_id, version, "published", note, author)


@faq.command("retire")
@click.argument("faq_id")
@click.option("--note", default="", help="Why.")
@_author
def retire_faq(faq_id: str, note: str, author: str) -> None:
    """Take an FAQ out of force, at once, as a new edition; its versions are kept."""
    _move(faq_id, None, "retired", note, author)


def _move(faq_id: str, version: int | None, state: str, note: str, author: str) -> None:
    from dataclasses import replace

    from proof_catalogue.errors import CatalogueError

    editions = _editions()
    versions = [f for f in editions.faq_versions() if f.id == faq_id and version in (None, f.version)]
    if state == "retired":
        versions = [f for f in versions if f.state == "published"]
    if not versions:
        raise CatalogueError(f"there is no such version of {faq_id}")
    if editions.pending():
        raise CatalogueError(
            "the draft holds other changes, which would be published too; publish them first"
        )
    chosen = versions[-1]
    editions.change(author, faqs=[replace(chosen, state=state)])
    click.echo(
        _told(
            editions.publish(author, note or f"FAQ {faq_id} v{chosen.version}: {state}", progress=_progress)
        )
    )
