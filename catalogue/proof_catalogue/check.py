"""Finds what is wrong in the catalogue's data before anybody is told something wrong."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from pathlib import Path

from .content import read_folder
from .errors import CatalogueError
from .regions import Regions, short_name
from .requirement import Requirement
from .text import canonical
from .vocabulary import Term

_DATE = re.compile(r"(?<!\d)(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_URL = re.compile(r"https?://[^\s]+$")


def check(data: Path) -> list[str]:
    """Return one line a fault found in the folder `data`; an empty list means none."""
    try:
        shipped = read_folder(data)
    except CatalogueError as error:
        return [str(error)]
    rows, regions, terms, faqs, conflicts = (
        shipped.rows,
        shipped.regions,
        shipped.terms,
        shipped.faqs,
        shipped.conflicts,
    )
    faults = [*_rows(rows, regions), *_duplicates(rows), *_terms(rows, terms)]
    declared = {r for c in conflicts for r in c["rows"]}
    for row in rows:
        if re.match(r"与F\d{3}不一致", row.conflict) and row.id not in declared:
            faults.append(
                f"{row.id}: says that it conflicts with another row, but conflicts.yml does not say which prevails"
            )
    questions: dict[str, str] = {}
    for faq in faqs:
        if faq.region_code not in regions:
            faults.append(f"{faq.id}: no region has the code {faq.region_code}")
        for question in (faq.question, *faq.variants):
            held = questions.setdefault(canonical(question), faq.id)
            if held != faq.id:
                faults.append(f"{faq.id}: asks the same as {held}: {question}")
    return faults


def _rows(rows: list[Requirement], regions: Regions) -> list[str]:
    faults = []
    for row in rows:
        if not row.source_title:
            faults.append(f"{row.id}: has no source")
        if row.source_kind != "none" and not _URL.match(row.source_url):
            faults.append(f"{row.id}: the source's address is {row.source_url!r}")
        if short_name(regions.get(row.region_code).name) not in row.region:
            faults.append(f"{row.id}: region {row.region} is not what {row.region_code} is called")
        found = _DATE.search(row.source_date)
        if found and not _possible(found):
            faults.append(f"{row.id}: source_date {row.source_date!r} is no possible date")
    return faults


def _possible(match: re.Match[str]) -> bool:
    year, month, day = (int(g) if g else 1 for g in match.groups())
    try:
        return date(1949, 10, 1) <= date(year, month, day) <= date.today()
    except ValueError:
        return False


def _duplicates(rows: list[Requirement]) -> list[str]:
    faults: list[str] = []
    seen: dict[tuple[str, ...], str] = {}
    for row in rows:
        key = (row.kind, canonical(row.proof), canonical(row.matter), row.region_code)
        if key in seen:
            faults.append(f"{row.id}: same proof, matter and region as {seen[key]}")
        seen[key] = row.id
    return faults


def _terms(rows: list[Requirement], terms: list[Term]) -> list[str]:
    faults = []
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    covered: dict[str, set[str]] = {"proof": set(), "matter": set()}
    for term in terms:
        covered[term.kind].update(term.requirements)
        for name in term.names:
            owners[term.kind, canonical(name)].add(term.name)
    for (kind, name), held in sorted(owners.items()):
        if len(held) > 1:
            faults.append(f"{kind} name {name} stands under {', '.join(sorted(held))}")
    for row in rows:
        if row.kind == "general_rule":
            continue
        for kind in ("proof", "matter"):
            if row.id not in covered[kind]:
                faults.append(f"{row.id}: stands under no {kind}")
    return faults
