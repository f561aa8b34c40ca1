"""Finds what is wrong in the catalogue's data before anybody is told something wrong; every function takes data that is loaded."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from .content import Content, read_folder
from .errors import CatalogueError
from .faqs import Faq
from .regions import Regions, short_name
from .requirement import PATHS, Requirement
from .text import canonical, simplify
from .vocabulary import Term

STALE_YEARS = 5
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE = re.compile(r"(?<!\d)(\d{4})(?!\d)(?:-(\d{2})(?!\d)(?:-(\d{2})(?!\d))?)?")
_URL = re.compile(r"https?://[^\s]+$")
_SAYS_CONFLICT = re.compile(r"与F\d{3,}不一致")
_ENDLESS = "9999-12-31"
# Of rows that share a name, matter and region no more than these are compared one by one, so that the time stays linear.
_COMPARED = 20


@dataclass(frozen=True)
class Fault:
    """What is wrong: `level` error (must be mended before publishing) or notice (somebody should look), `subject` the id, `message` in Chinese."""

    level: str
    subject: str
    message: str


def check(data: Path, on: date | None = None, stale_years: int = STALE_YEARS) -> list[Fault]:
    """Return the faults of the folder `data` on the day `on` (default today), errors first; data that cannot be read is one error."""
    try:
        return check_content(read_folder(data), on, stale_years)
    except CatalogueError as error:
        return [Fault("error", data.name, str(error))]


def check_content(content: Content, on: date | None = None, stale_years: int = STALE_YEARS) -> list[Fault]:
    """Return the faults of what is loaded, a draft for instance, errors first.

    `on` is the day that counts as today (default: it is); a row whose source was neither published nor checked within
    `stale_years` is stale. Takes time in proportion to the number of rows.
    """
    on = on or date.today()
    faults = [
        *_rows(content.rows, content.regions, on, stale_years),
        *_overlaps(content.rows, content.regions, content.conflicts),
        *_references(content.rows, content.terms, content.conflicts),
        *_conflicts(content.rows, content.conflicts),
        *_names(content.rows, content.terms),
        *_faqs(content.faqs, content.regions, on),
    ]
    return sorted(dict.fromkeys(faults), key=lambda f: (f.level != "error", f.subject, f.message))


# ---- Single rows ----


def _rows(rows: list[Requirement], regions: Regions, on: date, stale_years: int) -> Iterator[Fault]:
    limit = f"{on.year - stale_years:04}-{on:%m-%d}"
    former = {f.old_code: f.old_name for f in regions.former}
    for row in rows:
        yield from _place(row.id, row.region_code, row.region, regions, former)
        yield from _dates(row, on, limit)
        yield from _paths(row)
        if not row.source_title:
            yield Fault("error", row.id, "没有来源")
        elif row.source_kind == "none":
            yield Fault("notice", row.id, "没有公开来源，答案会标“待核实”")
        if row.source_kind != "none" and not _URL.match(row.source_url):
            yield Fault("error", row.id, f"来源的网址不对：{row.source_url!r}")


def _place(
    subject: str, code: str, name: str | None, regions: Regions, former: dict[str, str]
) -> Iterator[Fault]:
    if code not in regions:
        yield Fault("error", subject, f"没有代码为{code}的地区")
        return
    today = regions.get(code)
    if regions.is_former(code):
        yield Fault(
            "notice", subject, f"地区用的是旧代码{code}（{former[code]}），现在是{today.code}（{today.name}）"
        )
    known = {short_name(today.name), short_name(former.get(code, today.name))}
    if name is not None and not any(n in name for n in known):
        yield Fault("error", subject, f"地区写的是“{name}”，而代码{code}是{today.name}")


def _dates(row: Requirement, on: date, limit: str) -> Iterator[Fault]:
    found = _DATE.search(row.source_date)
    stated = {
        "生效日期": row.valid_from,
        "失效日期": row.valid_until,
        "来源核对日期": row.checked_at,
        "来源日期": found.group() if found else "",
    }
    for name, value in list(stated.items()):
        if value and not (_possible(value) and (name == "来源日期" or _DAY.fullmatch(value))):
            yield Fault("error", row.id, f"{name}不是可能的日期：{value}")
            del stated[name]
    if row.valid_from and row.valid_until and row.valid_from > row.valid_until:
        yield Fault("error", row.id, f"生效日期{row.valid_from}晚于失效日期{row.valid_until}")
    elif row.valid_until and row.valid_until < on.isoformat():
        yield Fault("notice", row.id, f"已于{row.valid_until}失效")
    if "来源日期" not in stated or "来源核对日期" not in stated:
        return
    seen = {name: stated[name] for name in ("来源日期", "来源核对日期") if stated[name]}
    for name, value in seen.items():
        if value > on.isoformat()[: len(value)]:
            yield Fault("error", row.id, f"{name}在将来：{value}")
    if not seen:
        yield Fault("notice", row.id, "来源没有日期，也没有核对过")
    # A year counts as its last day: 2019 may mean December.
    elif all(v < limit[: len(v)] for v in seen.values()):
        yield Fault("notice", row.id, f"来源太旧（{max(seen.values())}），请重新核对")


def _possible(text: str) -> bool:
    """Return whether a day, month or year is one of the People's Republic."""
    try:
        return date.fromisoformat(text + "-12-01"[len(text) - 4 :]) >= date(1949, 10, 1)
    except ValueError:
        return False


def _paths(row: Requirement) -> Iterator[Fault]:
    paths = row.paths
    if not paths:
        return
    if len(set(paths)) < len(paths):
        yield Fault("error", row.id, "同一条路径写了两次")
    kind = row.verdict_kind
    if kind == "cancelled" and "obtain" in paths:
        yield Fault("error", row.id, "已经取消的证明，路径里不该有“去开具”（obtain）")
    # Who may not issue a proof says nothing on how it is replaced.
    needed = PATHS[kind][0] if kind not in ("cancelled", "wrong_issuer") else None
    if needed and needed not in paths:
        yield Fault("error", row.id, f"路径里缺少这种结论自己的路径（{needed}）")
    elif kind == "pledge" and "obtain" in paths and paths.index("obtain") < paths.index("pledge"):
        yield Fault("error", row.id, "可以承诺的，承诺（pledge）要排在去开具（obtain）前面")


# ---- Rows against each other ----


def _overlaps(rows: list[Requirement], regions: Regions, conflicts: list[dict[str, Any]]) -> Iterator[Fault]:
    """Yield duplicates and contradictions: the same proof and matter in the same place at the same time, and near cases as notices."""
    entries: dict[str, set[int]] = defaultdict(set)
    for number, conflict in enumerate(conflicts):
        for row_id in {*conflict["rows"], conflict["prevails"]}:
            entries[row_id].add(number)
    placed = [r for r in rows if r.region_code in regions]
    exact: dict[tuple[str, ...], list[Requirement]] = defaultdict(list)
    loose: dict[tuple[str, ...], list[Requirement]] = defaultdict(list)
    for row in placed:
        matter, place = _key(row.matter), regions.get(row.region_code).code
        rule = "rule" if row.kind == "general_rule" else ""
        exact[rule, _key(row.proof), matter, place].append(row)
        for name in _row_names(row):
            loose[rule, name, matter, place].append(row)
    for group in exact.values():
        yield from _same_place(group, entries)
    told: set[tuple[str, str]] = set()
    chains = {code: regions.chain(code) for code in {r.region_code for r in placed}}
    for row in placed:
        chain, matter = chains[row.region_code], _key(row.matter)
        rule = "rule" if row.kind == "general_rule" else ""
        alike: list[Requirement] = []
        for name in _row_names(row):
            for place in chain:
                for other in islice(loose.get((rule, name, matter, place), ()), _COMPARED):
                    pair = (min(row.id, other.id), max(row.id, other.id))
                    if row.id == other.id or pair in told or not _together(row, other):
                        continue
                    if place == chain[0] and _key(row.proof) == _key(other.proof):
                        continue  # told as a duplicate or a contradiction
                    told.add(pair)
                    if not entries[row.id] & entries[other.id]:
                        alike.append(other)
        yield from _alike(row, alike)


def _same_place(group: list[Requirement], entries: dict[str, set[int]]) -> Iterator[Fault]:
    """Yield the faults within one proof, matter and place; of each verdict only the row that lasts longest is compared with."""
    if len(group) < 2:
        return
    lasting: dict[str, Requirement] = {}
    for row in sorted(group, key=lambda r: (r.valid_from, r.id)):
        for other in lasting.values():
            if not _together(row, other):
                continue
            issuer = (row.verdict_kind == "wrong_issuer", other.verdict_kind == "wrong_issuer")
            if _says(row) == _says(other):
                yield Fault("error", row.id, f"与{other.id}重复：证明、办理事项、地区和有效期都相同")
            elif entries[row.id] & entries[other.id] or all(issuer):
                continue
            elif any(issuer):
                yield Fault(
                    "notice", row.id, f"与{other.id}说的是同一证明、事项和地区，一条只说谁不能开，请核对"
                )
            else:
                yield Fault(
                    "error",
                    row.id,
                    f"与{other.id}矛盾：同一证明、事项和地区，结论不同（{row.verdict_kind}／{other.verdict_kind}），"
                    "而且没有写明以哪一条为准",
                )
        held = lasting.get(_says(row))
        if held is None or (row.valid_until or _ENDLESS) > (held.valid_until or _ENDLESS):
            lasting[_says(row)] = row


def _alike(row: Requirement, others: list[Requirement]) -> Iterator[Fault]:
    """Yield one notice for the rows near `row` that say the same, and one for those that say something else."""
    same = [o.id for o in others if _says(o) == _says(row)]
    differ = [
        f"{o.id}（{o.region}，{o.verdict_kind}）"
        for o in others
        if _says(o) != _says(row) and "wrong_issuer" not in (o.verdict_kind, row.verdict_kind)
    ]
    if same:
        yield Fault(
            "notice", row.id, f"与{_listed(same)}很像：证明名称或别名、办理事项和地区有重合，结论相同"
        )
    if differ:
        yield Fault(
            "notice",
            row.id,
            f"与{_listed(differ)}的证明名称或别名、办理事项和地区有重合，结论不同（本条{row.verdict_kind}），请核对是否有意",
        )


def _listed(names: list[str]) -> str:
    shown = "、".join(sorted(names)[:3])
    return shown if len(names) <= 3 else f"{shown}等{len(names)}条"


def _says(row: Requirement) -> str:
    return f"{row.verdict_kind} {row.status}"


def _together(row: Requirement, other: Requirement) -> bool:
    """Return whether there is a day on which both hold."""
    return (row.valid_from <= (other.valid_until or _ENDLESS)) and (
        other.valid_from <= (row.valid_until or _ENDLESS)
    )


def _row_names(row: Requirement) -> set[str]:
    return {_key(n) for n in (row.proof, row.short_proof, *row.aliases)}


@functools.lru_cache(maxsize=200_000)
def _key(name: str) -> str:
    """Return what is compared of a name: simplified, lower case, letters and digits only."""
    plain = unicodedata.normalize("NFKC", name).lower()
    try:
        plain.encode(
            "gb2312"
        )  # holds simplified characters only, and answers fifty times faster than the converter
    except UnicodeEncodeError:
        plain = simplify(plain)
    return re.sub(r"[\W_]", "", plain)


# ---- What names rows, and what rows name ----


def _references(
    rows: list[Requirement], terms: list[Term], conflicts: list[dict[str, Any]]
) -> Iterator[Fault]:
    ids: set[str] = set()
    for row in rows:
        if row.id in ids:
            yield Fault("error", row.id, "编号用了两次")
        ids.add(row.id)
    for row in rows:
        for other in row.see_also:
            if other not in ids:
                yield Fault("error", row.id, f"参见的{other}不存在")
    for term in terms:
        for other in term.requirements:
            if other not in ids:
                yield Fault("error", term.name, f"叫法里的{other}不存在")
    for conflict in conflicts:
        for other in dict.fromkeys((*conflict["rows"], conflict["prevails"])):
            if other not in ids:
                yield Fault("error", "conflicts", f"冲突里的{other}不存在")


def _conflicts(rows: list[Requirement], conflicts: list[dict[str, Any]]) -> Iterator[Fault]:
    declared: dict[str, int] = {}
    for number, conflict in enumerate(conflicts):
        if conflict["prevails"] not in conflict["rows"]:
            yield Fault(
                "error",
                conflict["prevails"],
                "冲突以它为准，它却不在这一组里：" + "、".join(conflict["rows"]),
            )
        for row_id in conflict["rows"]:
            if declared.setdefault(row_id, number) != number:
                yield Fault("error", row_id, "写进了两组冲突，说不清以哪一条为准")
    for row in rows:
        if row.id in declared and not row.conflict:
            yield Fault("error", row.id, "写进了冲突，自己却没有说明（conflict 是空的），群众看不到提醒")
        if _SAYS_CONFLICT.match(row.conflict) and row.id not in declared:
            yield Fault("error", row.id, "说与别的条目不一致，却没有写明以哪一条为准")


def _names(rows: list[Requirement], terms: list[Term]) -> Iterator[Fault]:
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    proofs: dict[str, set[str]] = defaultdict(set)
    under: dict[str, dict[str, set[str]]] = {"proof": defaultdict(set), "matter": defaultdict(set)}
    for term in terms:
        for row_id in term.requirements:
            under[term.kind][row_id].add(term.name)
        for name in term.names:
            owners[term.kind, canonical(name) if name == term.name else name].add(term.name)
            if term.kind == "proof":
                proofs[_key(name)].add(term.name)
    said = {"proof": "证明", "matter": "事项"}
    for (kind, name), held in owners.items():
        if len(held) > 1:
            yield Fault("error", name, f"同一个叫法挂在几个{said[kind]}下面：" + "、".join(sorted(held)))
    for row in rows:
        if row.kind == "general_rule":
            continue
        for kind, word in said.items():
            if row.id not in under[kind]:
                yield Fault("error", row.id, f"没有挂在任何{word}的叫法下面，谁也查不到")
        mine = under["proof"].get(row.id, set())
        for alias in row.aliases:
            others = proofs.get(_key(alias), set())
            if mine and others and not others & mine:
                yield Fault(
                    "notice", row.id, f"别名“{alias}”也是别的证明的叫法：" + "、".join(sorted(others))
                )


# ---- FAQs ----


def _faqs(faqs: list[Faq], regions: Regions, on: date) -> Iterator[Fault]:
    asked: dict[str, list[Faq]] = defaultdict(list)
    former = {f.old_code: f.old_name for f in regions.former}
    for faq in faqs:
        if faq.state == "retired":
            continue
        yield from _place(faq.id, faq.region_code, None, regions, former)
        if not faq.sources:
            level = "notice" if faq.unverified else "error"
            yield Fault(level, faq.id, "没有来源" + ("，答案会标“待核实”" if faq.unverified else ""))
        for source in faq.sources:
            stated = str(source.get("date") or "")
            if _DATE.match(stated) and stated > on.isoformat()[: len(stated)]:
                yield Fault("error", faq.id, f"来源日期在将来：{stated}")
        if faq.valid_from and faq.valid_until and faq.valid_from > faq.valid_until:
            yield Fault("error", faq.id, f"生效日期{faq.valid_from}晚于失效日期{faq.valid_until}")
        elif faq.valid_until and faq.valid_until < on.isoformat():
            yield Fault("notice", faq.id, f"已于{faq.valid_until}失效，请改写或停用")
        for question in dict.fromkeys(_key(q) for q in (faq.question, *faq.variants)):
            for other in islice(asked[question], _COMPARED):
                if faq.valid_from <= (other.valid_until or _ENDLESS) and other.valid_from <= (
                    faq.valid_until or _ENDLESS
                ):
                    same = faq.region_code == other.region_code
                    yield Fault(
                        "error" if same else "notice", faq.id, f"与{other.id}问的是同一句：{question}"
                    )
            asked[question].append(faq)
