"""Compares the search with plain FTS5, BM25 over jieba words and embeddings alone, on the lookups of nlu/evaluation.

usage: benchmarks/lookup.py [--split test|development|all] [--mistakes]; the built catalogue lies under MIANZHENG_DATA.
Every way of searching sees the same rows (those that may hold where it is asked). Each has its own threshold, the lowest at which
nine in ten of the development half's queries for things that are not there stay empty; ours has the one that ships.
"""

from __future__ import annotations

import argparse
import collections
import re
import sqlite3
import statistics
import time
from collections.abc import Callable
from typing import Any

from nlu.evaluation import lookups
from proof_catalogue.decide import Case, Question
from proof_catalogue.search import models, search, search_faqs
from proof_catalogue.store import Catalogue, open_default
from proof_catalogue.text import cutter

Way = Callable[[str, "str | None"], list[tuple[str, float]]]


def full_text(catalogue: Catalogue, cut: Callable[[str], str]) -> Way:
    """Return BM25 of SQLite's FTS5 (unicode61) over the rows' own names, texts and queries cut by `cut`."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create virtual table names using fts5(id unindexed, text, tokenize='unicode61')")
    connection.executemany(
        "insert into names values (?, ?)",
        [(r.id, cut(" ".join((r.proof, r.matter, *r.aliases)))) for r in catalogue.rows.values()],
    )

    def find(query: str, region: str | None) -> list[tuple[str, float]]:
        words = re.findall(r"\w+", cut(query))
        match = " OR ".join(f'"{w}"' for w in words) or '""'
        sql = "select id, -bm25(names) from names where names match ? order by 2 desc limit 50"
        return allowed(catalogue, connection.execute(sql, (match,)).fetchall(), query, region)

    return find


def allowed(
    catalogue: Catalogue, found: list[tuple[str, float]], query: str, region: str | None
) -> list[tuple[str, float]]:
    """Return those of `found` that may hold where it is asked, in the same order."""
    places = catalogue.regions.find(query)
    code = places[-1][0].code if places else region
    case = Case(catalogue, Question(catalogue.linker.link(""), code))
    kept = {r.id for r in case.rows(k for k, _ in found)}
    return [(k, s) for k, s in found if k in kept]


def embeddings(catalogue: Catalogue) -> Way:
    """Return the rows by the cosine of their nearest wording."""

    def find(query: str, region: str | None) -> list[tuple[str, float]]:
        near = [(k, s) for k, s in catalogue.near(query).items() if k in catalogue.rows]
        return allowed(catalogue, sorted(near, key=lambda pair: -pair[1])[:50], query, region)

    return find


def ours(catalogue: Catalogue) -> Way:
    """Return the rows that the search gives."""

    def find(query: str, region: str | None) -> list[tuple[str, float]]:
        return [(h.row.id, h.score) for h in search(catalogue, query, region, 5)]

    return find


def run(way: Way, items: list[dict[str, Any]]) -> list[tuple[dict[str, Any], list[tuple[str, float]], float]]:
    """Return each item with what was found and how many milliseconds it took."""
    found = []
    for item in items:
        started = time.perf_counter()
        hits = way(item["q"], item.get("region"))
        found.append((item, hits, (time.perf_counter() - started) * 1000))
    return found


def threshold(found: list[tuple[dict[str, Any], list[tuple[str, float]], float]]) -> float:
    """Return the lowest score at which nine in ten of what is not there stay empty."""
    best = sorted((hits[0][1] if hits else 0.0) for item, hits, _ in found if item["kind"] == "none")
    return best[min(len(best) - 1, int(len(best) * 0.9))] + 1e-9


def right(item: dict[str, Any], hits: list[tuple[str, float]], least: float) -> tuple[bool, bool]:
    """Return whether the first, and whether one of the first five is right; of what is not there, whether nothing is found."""
    kept = [k for k, _ in hits[:5]] if hits and hits[0][1] >= least else []
    if item["kind"] == "none":
        return not kept, not kept
    return bool(kept) and kept[0] in item["accept"], bool(set(kept) & set(item["accept"]))


def main() -> None:
    """Print the table, then ours by kind of query, then the FAQs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=["test", "development", "all"])
    parser.add_argument("--mistakes", action="store_true")
    arguments = parser.parse_args()
    catalogue = open_default()
    everything = lookups(arguments.split)
    items = [i for i in everything if i["kind"] != "faq"]
    development = [i for i in lookups("development") if i["kind"] == "none"]
    for warm in ("暖机 证明", "wufanzui zhengming"):
        search(catalogue, warm)
    print(
        f"{len(items)} lookups of {arguments.split}, {sum(i['kind'] == 'none' for i in items)} of them not there"
    )
    print(f"{'':26}{'first':>8}{'top 5':>8}{'empty':>8}{'median':>10}{'p95':>8}")
    ways: dict[str, Way] = {
        "plain FTS5 (unicode61)": full_text(catalogue, lambda t: t),
        "BM25 over jieba words": full_text(catalogue, lambda t: " ".join(cutter().cut_for_search(t))),
        "embeddings alone": embeddings(catalogue),
        "ours": ours(catalogue),
    }
    for name, way in ways.items():
        least = 0.0 if name == "ours" else threshold(run(way, development))
        found = run(way, items)
        kinds: dict[str, list[tuple[bool, bool]]] = collections.defaultdict(list)
        for item, hits, _ in found:
            kinds[item["kind"]].append(right(item, hits, least))
        there = [r for k, rs in kinds.items() if k != "none" for r in rs]
        shares = [sum(r[0] for r in there) / len(there), sum(r[1] for r in there) / len(there)]
        shares.append(sum(r[0] for r in kinds["none"]) / len(kinds["none"]))
        times = sorted(ms for _, _, ms in found)
        print(
            f"{name:26}"
            + "".join(f"{100 * s:7.1f}%" for s in shares)
            + f"{statistics.median(times):7.1f} ms{times[int(len(times) * 0.95)]:5.1f} ms"
        )
    for kind, rs in sorted(kinds.items()):
        print(
            f"  {kind:24}{100 * sum(r[0] for r in rs) / len(rs):7.1f}%{100 * sum(r[1] for r in rs) / len(rs):7.1f}%   of {len(rs)}"
        )
    calibration(found)
    faqs(catalogue, everything)
    if arguments.mistakes:
        for item, hits, _ in found:
            if not right(item, hits, 0.0)[0]:
                print(
                    item["kind"],
                    item["q"],
                    item.get("region") or "",
                    item["accept"],
                    [(k, round(s, 2)) for k, s in hits[:3]],
                )


def calibration(found: list[tuple[dict[str, Any], list[tuple[str, float]], float]]) -> None:
    """Print how often the first row is right where its score says so."""
    bands: dict[int, list[tuple[float, bool]]] = collections.defaultdict(list)
    for item, hits, _ in found:
        if hits:
            bands[min(4, int(hits[0][1] * 5))].append((hits[0][1], hits[0][0] in item["accept"]))
    for band, pairs in sorted(bands.items()):
        said, was = sum(s for s, _ in pairs) / len(pairs), sum(r for _, r in pairs) / len(pairs)
        print(
            f"  score {band / 5:.1f}–{band / 5 + 0.2:.1f}: said {said:.2f}, right {was:.2f}   of {len(pairs)}"
        )


def faqs(catalogue: Catalogue, items: list[dict[str, Any]]) -> None:
    """Print how well FAQs are found, and how often none comes where a row or nothing was looked for."""
    first = top = empty = 0
    wanted = [i for i in items if i["kind"] == "faq"]
    others = [i for i in items if i["kind"] != "faq"]
    for item in wanted:
        keys = [faq.id for faq, _ in search_faqs(catalogue, item["q"], 3)]
        first += bool(keys) and keys[0] in item["accept"]
        top += bool(set(keys) & set(item["accept"]))
    for item in others:
        empty += not search_faqs(catalogue, item["q"], 3)
    print(
        f"FAQs: first {100 * first / len(wanted):.1f}%, top 3 {100 * top / len(wanted):.1f}% of {len(wanted)}; "
        f"none for {100 * empty / len(others):.1f}% of {len(others)} others; threshold {models()['faqs'].threshold}"
    )


if __name__ == "__main__":
    main()
