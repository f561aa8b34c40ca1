"""From judged replies to figures, to a comparison with the recorded baseline, and to a report to read (text, HTML)."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from . import GUARDS, HERE
from .run import Record

BASELINE = HERE / "baseline.json"
SURE = 0.9  # confidence from which a mistake counts as confident
BINS = 10
CHANCE = 0.05  # a drop is one that would come by chance this seldom or less
LISTED = 40  # mistakes that the HTML shows at most in one list


@dataclass(frozen=True)
class Share:
    """`count` of `total`; a `goal` in percent, which is the least unless `at_most`."""

    name: str
    says: str
    count: int
    total: int
    goal: float | None = None
    at_most: bool = False

    @property
    def percent(self) -> float:
        """The share in percent, 0 of nothing."""
        return 100 * self.count / max(1, self.total)

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is no goal or nothing was asked."""
        if self.goal is None or not self.total:
            return None
        return self.percent <= self.goal if self.at_most else self.percent >= self.goal

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share, in percent."""
        if not self.total:
            return 0.0, 100.0
        z, n, p = 1.96, self.total, self.count / self.total
        middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return 100 * (middle - half) / (1 + z * z / n), 100 * (middle + half) / (1 + z * z / n)

    def json(self) -> dict[str, Any]:
        """Return a form for a JSON file."""
        kept = {"count": self.count, "total": self.total, "percent": round(self.percent, 1)}
        return {**kept, "goal": self.goal, "reached": self.reached} if self.goal is not None else kept


def _share(
    name: str, says: str, records: Iterable[Record], counts: Callable[[Record], bool], **more: Any
) -> Share:
    held = list(records)
    return Share(name, says, sum(map(counts, held)), len(held), **more)


def five(records: Sequence[Record]) -> list[Share]:
    """Return the five figures that the product is held to."""
    single = [r for r in records if not r.turn]
    return [
        _share("row", "the right row, or a question back that offers it, where the catalogue has one",
               (r for r in single if r.expect == "row"), lambda r: r.right, goal=90.0),
        _share("definite_wrong", "a verdict from a wrong row", records, lambda r: r.wrong, goal=3.0, at_most=True),
        _share("no_row", "no verdict from any row, where the catalogue has none",
               (r for r in single if r.expect == "no_row"), lambda r: not r.wrong, goal=92.0),
        _share("guards", "out of scope, abuse, attack, privacy, a person wanted, small talk: recognised",
               (r for r in single if r.expect in GUARDS), lambda r: r.right, goal=95.0),
        _share("turns", "turns of dialogues right", (r for r in records if r.turn), lambda r: r.right, goal=85.0),
    ]  # fmt: skip


def by(records: Iterable[Record], keys: Callable[[Record], Iterable[str]]) -> list[Share]:
    """Return how many are right for each key, the weakest first."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        for key in keys(record):
            groups.setdefault(key, []).append(record)
    shares = [_share(key, "", held, lambda r: r.right) for key, held in groups.items()]
    return sorted(shares, key=lambda s: (s.percent, -s.total))


def reliability(records: Sequence[Record]) -> tuple[list[dict[str, float]], float]:
    """Return, for tenths of confidence, how many intents had it and how many of those were right; and the calibration error.

    The error is the mean distance between confidence and truth, weighted by how often each tenth was said (ECE). Only
    questions whose intent is known and was classified (not caught by a guard before) count.
    """
    said = [r for r in records if r.gold_intent and r.intent and r.confidence < 1.0]
    bins, error = [], 0.0
    for number in range(BINS):
        held = [r for r in said if min(BINS - 1, int(r.confidence * BINS)) == number]
        if held:
            confidence = statistics.fmean(r.confidence for r in held)
            right = statistics.fmean(r.intent == r.gold_intent for r in held)
            bins.append({"confidence": round(confidence, 3), "right": round(right, 3), "count": len(held)})
            error += abs(confidence - right) * len(held) / len(said)
    return bins, round(error, 4)


def confusion(judged: Iterable[tuple[str, str, bool]]) -> dict[str, Any]:
    """Return a confusion matrix of (expected, given, right): `rows`, `columns`, `cells[row][column]`, `fine` (how many of them right)."""
    held = list(judged)
    counts = Counter((expected, given) for expected, given, _ in held)
    fine = Counter((expected, given) for expected, given, right in held if right)
    expects, gives = Counter(e for e, _, _ in held), Counter(g for _, g, _ in held)
    rows = [e for e, _ in expects.most_common()]
    columns = sorted(gives, key=lambda g: (rows.index(g) if g in rows else len(rows), -gives[g], g))
    return {
        "rows": rows,
        "columns": columns,
        "cells": [[counts[r, c] for c in columns] for r in rows],
        "fine": [[fine[r, c] for c in columns] for r in rows],
    }


def drop_by_chance(newly_wrong: int, newly_right: int) -> float:
    """Return how probable at least so many newly wrong ones are if nothing has changed for the worse (sign test)."""
    changed = newly_wrong + newly_right
    return sum(math.comb(changed, k) for k in range(newly_wrong, changed + 1)) / 2**changed


def baseline_of(records: Sequence[Record], about: dict[str, Any]) -> dict[str, Any]:
    """Return what is recorded of a run, to compare later ones with."""
    return {
        **about,
        "figures": {s.name: s.json() for s in five(records)},
        "calibration_error": reliability(records)[1],
        "asked": {r.id: ("wrong row" if r.wrong else "right" if r.right else "not right") for r in records},
    }


def compare(records: Sequence[Record], baseline: dict[str, Any]) -> dict[str, Any]:
    """Compare item by item with a baseline; items that one of the two has not are left out.

    `drops` names what fell by more than chance: "right", "definite_wrong", or one of the five figures.
    """
    asked = baseline["asked"]
    common = [r for r in records if r.id in asked]
    newly_wrong = [r for r in common if not r.right and asked[r.id] == "right"]
    newly_right = [r for r in common if r.right and not r.wrong and asked[r.id] != "right"]
    asserts = [r for r in common if r.wrong and asked[r.id] != "wrong row"]
    mended = [r for r in common if not r.wrong and asked[r.id] == "wrong row"]
    drops = []
    if newly_wrong and drop_by_chance(len(newly_wrong), len(newly_right)) <= CHANCE:
        drops.append("right")
    if asserts and drop_by_chance(len(asserts), len(mended)) <= CHANCE:
        drops.append("definite_wrong")
    for name, inside in (
        ("row", lambda r: not r.turn and r.expect == "row"),
        ("guards", lambda r: not r.turn and r.expect in GUARDS),
        ("turns", lambda r: r.turn),
    ):
        worse, better = sum(map(inside, newly_wrong)), sum(map(inside, newly_right))
        if worse and drop_by_chance(worse, better) <= CHANCE:
            drops.append(name)
    return {
        "recorded": baseline.get("date"),
        "edition": baseline.get("edition"),
        "common": len(common),
        "newly_wrong": newly_wrong,
        "newly_right": newly_right,
        "newly_wrong_rows": asserts,
        "drops": drops,
    }


def read_baseline(path: Path = BASELINE) -> dict[str, Any] | None:
    """Return the recorded baseline, or None where none is recorded."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def record(records: Sequence[Record], about: dict[str, Any], path: Path = BASELINE) -> None:
    """Make this run the baseline at `path`."""
    held = json.dumps(baseline_of(records, about), ensure_ascii=False, indent=0, sort_keys=True)
    path.write_text(held + "\n", encoding="utf-8")


def make(records: Sequence[Record], about: dict[str, Any], baseline: dict[str, Any] | None) -> dict[str, Any]:
    """Return the whole report as data. `about` says what was run: split, date, base, edition and the like."""
    times = sorted(r.milliseconds for r in records)
    bins, error = reliability(records)
    mistakes = sorted((r for r in records if not r.right or r.wrong), key=lambda r: (-r.wrong, -r.confidence))
    several = [r for r in records if r.all_answered is not None]
    return {
        "about": about,
        "five": five(records),
        "all": _share("all", "everything that was asked", records, lambda r: r.right),
        "several": _share(
            "several", "every question of a message that holds several", several, lambda r: bool(r.all_answered)
        ),
        "by": {
            "what is right": by((r for r in records if not r.turn), lambda r: [r.expect]),
            "kind of noise": by(records, lambda r: r.noise),
            "sector": by(records, lambda r: [r.sector]),
            "dialogue": by((r for r in records if r.turn), lambda r: [f"{r.id.split('.')[0]} {r.group}"]),
        },
        "outcomes": confusion((r.expect, r.outcome, r.right) for r in records),
        "intents": confusion(
            (r.gold_intent, r.intent or "–", r.gold_intent == r.intent) for r in records if r.gold_intent
        ),
        "reliability": bins,
        "calibration_error": error,
        "milliseconds": {
            "median": round(statistics.median(times), 1) if times else 0.0,
            "p95": times[int(len(times) * 0.95)] if times else 0.0,
        },
        "mistakes": mistakes,
        "confident": [r for r in mistakes if r.confidence >= SURE],
        "compared": compare(records, baseline) if baseline else None,
    }  # fmt: skip


def write(report: dict[str, Any], folder: Path) -> None:
    """Write report.html and report.json into `folder`, which is made where missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(as_html(report), encoding="utf-8")
    (folder / "report.json").write_text(as_json(report), encoding="utf-8")


def as_json(report: dict[str, Any]) -> str:
    """Return the report for a program."""

    def plain(value: Any) -> Any:
        if isinstance(value, (Share, Record)):
            return {"name": value.name, **value.json()} if isinstance(value, Share) else value.json()
        raise TypeError(type(value).__name__)

    return json.dumps(report, ensure_ascii=False, default=plain, indent=1)


def as_html(report: dict[str, Any]) -> str:
    """Return the report as one page that needs nothing else."""
    pages = Environment(loader=FileSystemLoader(HERE), autoescape=select_autoescape(["html"]))
    return pages.get_template("report.html").render(**report, listed=LISTED, sure=SURE)


def as_text(report: dict[str, Any], mistakes: bool = False) -> str:
    """Return the report as lines."""
    about = report["about"]
    lines = [f"split: {about['split']}{', short form' if about.get('short') else ''}"]
    for share in (*report["five"], report["all"], report["several"]):
        low, high = share.interval
        goal = ""
        if share.reached is not None:
            goal = f"   goal {'≤' if share.at_most else '≥'} {share.goal:.0f} %{'' if share.reached else '   NOT REACHED'}"
        lines.append(
            f"{share.name:16} {share.count:4}/{share.total:<4} {share.percent:5.1f} %  [{low:.1f}–{high:.1f}]{goal}"
        )
    lines += [
        f"calibration error {report['calibration_error']:.3f}",
        f"milliseconds a message: median {report['milliseconds']['median']}, 95th percentile {report['milliseconds']['p95']}",
    ]
    for title in ("what is right", "kind of noise", "sector"):
        lines += ["", f"by {title}"]
        lines += [f"  {s.name:16} {s.count:4}/{s.total:<4} {s.percent:5.1f} %" for s in report["by"][title]]
    if mistakes:
        lines.append("")
        lines += [
            f"{'WRONG ' if r.wrong else ''}{r.id} {r.text[:70]} | {r.expect} {' '.join(r.accept)} | got {r.outcome} "
            f"{' '.join(r.asserted or r.offered)} | {r.intent} {r.confidence:.2f}"
            for r in report["mistakes"]
        ]
    compared = report["compared"]
    if compared:
        lines += ["", f"against the baseline of {compared['recorded']}, {compared['common']} items in both:"]
        lines += [f"  newly wrong {r.id} {r.text[:60]}" for r in compared["newly_wrong"]]
        lines += [f"  newly right {r.id} {r.text[:60]}" for r in compared["newly_right"]]
        lines.append(
            f"  DROPPED: {', '.join(compared['drops'])}" if compared["drops"] else "  no drop beyond chance"
        )
    return "\n".join(lines)
