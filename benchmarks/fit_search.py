"""Fits the search models to the development halves and to queries made from the catalogue, and writes catalogue/data/search.yml.

usage: benchmarks/fit_search.py [--check]; --check writes nothing and fails where the file is not what would be written.
The halves called test are never read here. Takes about two minutes; the built catalogue lies under MIANZHENG_DATA.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import yaml
from pypinyin import lazy_pinyin
from sklearn.linear_model import LogisticRegression

from nlu.evaluation import lookups, questions
from proof_catalogue import search
from proof_catalogue.requirement import Requirement
from proof_catalogue.store import DATA, Catalogue, open_default
from proof_catalogue.text import canonical

TARGET = DATA / "search.yml"
SEED = 7
# How much a query counts by where it comes from, and how strongly weights are held small; by cross-validation on lookups.
WEIGHTS = {"lookup": 3.0, "question": 1.0, "made": 0.15}
WEIGHTS_THERE = {"lookup": 3.0, "question": 1.0, "made": 0.1}
PENALTY = {"rows": 1.0, "there": 0.1, "faqs": 0.3}
# The least share of queries for things that are not there which must stay empty on the development half.
EMPTY = {"rows": 0.9, "faqs": 0.99}
FLOOR = 0.02  # beside a best row that is shown, others down to this score are
# Characters that are typed for one another because they sound alike.
ALIKE = {
    "证": "正症政", "籍": "藉及", "犯": "范饭", "金": "经今", "婚": "昏", "居": "局具", "健": "建件", "登": "灯", "记": "计纪",
    "保": "宝报", "资": "姿兹", "驾": "架价", "工": "公功", "残": "蚕", "遗": "移疑", "养": "氧", "税": "睡", "疾": "急", "收": "手首",
}  # fmt: skip


@dataclass
class Example:
    """One query with the keys that are right for it, none where nothing is there."""

    query: str
    accept: tuple[str, ...]
    source: str
    region: str | None = None
    group: int = 0
    keys: list[str] = field(default_factory=list)
    features: list[dict[str, float]] = field(default_factory=list)


def noisy(text: str, chance: random.Random) -> str:
    """Return `text` with one slip: a homophone, a dropped character, or a stretch in pinyin; or as it is."""
    kind = chance.choice(["none", "none", "homophone", "dropped", "pinyin"])
    if kind == "homophone":
        places = [i for i, c in enumerate(text) if c in ALIKE]
        if places:
            at = chance.choice(places)
            text = text[:at] + chance.choice(ALIKE[text[at]]) + text[at + 1 :]
    elif kind == "dropped" and len(text) > 6:
        at = chance.randrange(1, len(text) - 1)
        text = text[:at] + text[at + 1 :]
    elif kind == "pinyin":
        first, _, rest = text.partition(" ")
        if 2 <= len(first) <= 8:
            text = f"{''.join(lazy_pinyin(first))} {rest}".strip()
    return text


def made(catalogue: Catalogue) -> Iterator[Example]:
    """Yield queries made from the catalogue's own names: rows asked for where they hold and where they do not, and names without rows."""
    chance = random.Random(SEED)
    regions = catalogue.regions
    places: list[str | None] = [
        None,
        "330100",
        "330200",
        "330300",
        "330400",
        "330500",
        "330600",
        "330700",
        "330800",
    ]
    places += ["330900", "331000", "331100"]
    rows = [r for r in catalogue.rows.values() if r.kind != "general_rule"]
    by_name = collections.defaultdict(set)
    for row in rows:
        for name in (row.short_proof, *row.aliases):
            by_name[canonical(name)].add(row.id)

    def alike(row: Requirement) -> set[str]:
        own = {(t.kind, t.name) for t in catalogue.terms_of[row.id]}
        found = {row.id}
        for other in rows:
            shared = own & {(t.kind, t.name) for t in catalogue.terms_of[other.id]}
            if {"proof", "matter"} <= {kind for kind, _ in shared}:
                found.add(other.id)
        return found

    def allowed(ids: set[str], region: str | None) -> tuple[str, ...]:
        case = search.Case(catalogue, search.Question(catalogue.linker.link(""), region))
        return tuple(sorted(r.id for r in case.rows(sorted(ids))))

    for row in rows:
        at_home = row.region_code == "000000" or row.region_code.startswith("33")
        if at_home:
            region = None if row.region_code in ("000000", "330000") else row.region_code
            # The words of a long official name that somebody would type.
            matter = canonical(row.matter).split("、")[0].split("（")[0].split("(")[0]
            text = chance.choice(
                [f"{matter} {row.short_proof}", f"{row.short_proof} {matter}", f"{matter}{row.short_proof}"]
            )
            yield Example(noisy(text, chance), (row.id,), "made", region)
            if row.aliases:
                alias = chance.choice(row.aliases)
                yield Example(
                    noisy(alias, chance), allowed(by_name[canonical(alias)], region), "made", region
                )
                alias = chance.choice(row.aliases)
                yield Example(noisy(f"{matter} {alias}", chance), (row.id,), "made", region)
        else:
            here = chance.choice(places)
            accept = allowed(alike(row), here)
            generic = [t for t in catalogue.terms_of[row.id] if t.kind == "proof"]
            broad = any(catalogue.generic(i) for t in generic for i in allowed(set(t.requirements), here))
            if not accept and not broad:
                yield Example(f"{row.matter} {row.short_proof}", (), "made", here)
        city = regions.get(row.region_code)
        if at_home and city.level in ("city", "county"):
            elsewhere = chance.choice([p for p in places if p and p not in regions.chain(row.region_code)])
            accept = allowed(alike(row), elsewhere)
            if not accept:
                yield Example(f"{row.matter} {row.short_proof}", (), "made", elsewhere)
    for term in catalogue.terms:
        if not term.requirements and term.names:
            yield Example(noisy(chance.choice(term.names), chance), (), "made", chance.choice(places))


def row_examples(catalogue: Catalogue) -> list[Example]:
    """Return what the model of rows is fitted to."""
    typed = lookups("development")
    found = [
        Example(i["q"], tuple(i["accept"]), "lookup", i.get("region")) for i in typed if i["kind"] != "faq"
    ]
    found += [Example(i["q"], (), "question") for i in typed if i["kind"] == "faq"]
    for item in questions("development"):
        nothing = item["expect"] in ("no_row", "out_of_scope", "smalltalk")
        if item["expect"] == "row" or (nothing and not item.get("alt_expect") and not item.get("accept")):
            accept = () if nothing else (*item["accept"], *item["accept_if_region_unknown"])
            found.append(Example(item["text"], tuple(accept), "question", item.get("region")))
    return found + list(made(catalogue))


def faq_examples() -> list[Example]:
    """Return what the model of FAQs is fitted to: lookups of FAQs, and of rows and other things as what must stay empty."""
    return [
        Example(i["q"], tuple(i["accept"]) if i["kind"] == "faq" else (), "lookup", i.get("region"))
        for i in lookups("development")
    ]


def fill(catalogue: Catalogue, examples: list[Example], name: str) -> None:
    """Fill in candidates and their features."""
    for number, example in enumerate(examples):
        example.group = number
        if name == "rows":
            found = search.Found(catalogue, example.query, example.region)
            rows = found.candidates() if found.sought.content else []
            example.keys, example.features = [r.id for r in rows], list(found.features(rows))
        else:
            scored = search.faq_features(catalogue, example.query)
            example.keys, example.features = list(scored), list(scored.values())


Ranked = list[tuple[Example, list[tuple[float, str]]]]


def logistic(
    features: list[dict[str, float]], right: list[bool], weights: list[float], penalty: float
) -> search.Model:
    """Return the logistic model of `right` on features as they are, without a threshold."""
    names = sorted({n for f in features for n in f})
    x = np.array([[f[n] for n in names] for f in features])
    mean, spread = x.mean(axis=0), x.std(axis=0)
    keep = spread > 1e-9
    spread[~keep] = 1.0
    model = LogisticRegression(C=penalty, max_iter=3000)
    model.fit((x - mean) / spread, np.array(right), sample_weight=np.array(weights))
    slopes = np.where(keep, model.coef_[0] / spread, 0.0)
    intercept = float(model.intercept_[0] - slopes @ mean)
    return search.Model(intercept, dict(zip(names, slopes.tolist(), strict=True)), 0.0)


def fit(examples: list[Example], name: str) -> search.Model:
    """Return the model of single candidates."""
    return logistic(
        [f for e in examples for f in e.features],
        [k in e.accept for e in examples for k in e.keys],
        [WEIGHTS[e.source] for e in examples for _ in e.keys],
        PENALTY[name],
    )


def fit_there(examples: list[Example], rows: search.Model) -> search.Model:
    """Return the model of whether anything is there, over what `rows` makes of the candidates."""
    held = [e for e in examples if e.keys]
    return logistic(
        [search.overall(e.features, rows.scores(e.features)) for e in held],
        [bool(e.accept) for e in held],
        [WEIGHTS_THERE[e.source] for e in held],
        PENALTY["there"],
    )


def ranked(examples: list[Example], model: search.Model, there: search.Model | None) -> Ranked:
    """Return the examples, each with its candidates best first."""
    found = []
    for e in examples:
        scores = search.weigh(e.features, model, there) if there else model.scores(e.features)
        found.append((e, sorted(zip(scores, e.keys, strict=True), key=lambda pair: (-pair[0], pair[1]))))
    return found


def figures(found: Ranked, threshold: float, floor: float) -> dict[str, float]:
    """Return the shares: right first, right in the first five, empty where nothing is there."""
    first = five = there = empty = absent = 0
    for example, scored in found:
        kept = [k for s, k in scored if s >= floor] if scored and scored[0][0] >= threshold else []
        if example.accept:
            there += 1
            first += bool(kept) and kept[0] in example.accept
            five += bool(set(kept[:5]) & set(example.accept))
        else:
            absent += 1
            empty += not kept
    return {"first": first / max(1, there), "five": five / max(1, there), "empty": empty / max(1, absent)}


def crossed(examples: list[Example], name: str, folds: int = 5) -> Ranked:
    """Return the lookups ranked by models that have not seen them."""
    found: Ranked = []
    for fold in range(folds):
        seen = [e for e in examples if e.source != "lookup" or e.group % folds != fold]
        unseen = [e for e in examples if e.source == "lookup" and e.group % folds == fold]
        model = fit(seen, name)
        found += ranked(unseen, model, fit_there(seen, model) if name == "rows" else None)
    return found


def choose_threshold(found: Ranked, least_empty: float) -> float:
    """Return the lowest threshold at which `least_empty` of what is not there stays empty."""
    for threshold in np.arange(0.01, 0.95, 0.005):
        if figures(found, float(threshold), 0.0)["empty"] >= least_empty:
            return round(float(threshold), 3)
    return 0.95


def record(model: search.Model, threshold: float) -> dict[str, Any]:
    """Return `model` as it is written."""
    weights = {n: round(w, 3) for n, w in model.weights.items() if abs(w) >= 0.0005}
    return {"intercept": round(model.intercept, 3), "threshold": threshold, "weights": weights}


def main() -> None:
    """Fit, report, and write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    catalogue = open_default()
    held: dict[str, Any] = {}
    for name, examples in (("rows", row_examples(catalogue)), ("faqs", faq_examples())):
        fill(catalogue, examples, name)
        found = crossed(examples, name)
        threshold = choose_threshold(found, EMPTY[name])
        floor = FLOOR if name == "rows" else threshold
        shares = " ".join(f"{k} {v:.3f}" for k, v in figures(found, threshold, floor).items())
        print(f"{name}: {len(examples)} queries; cross-validated on lookups at {threshold}: {shares}")
        model = fit(examples, name)
        held[name] = record(model, floor)
        if name == "rows":
            held["there"] = record(fit_there(examples, model), threshold)
    text = (
        "# Written by benchmarks/fit_search.py; what the features mean stands in proof_catalogue/search.py.\n"
    )
    text += yaml.safe_dump(held, allow_unicode=True, sort_keys=True)
    if arguments.check:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        sys.exit(0 if same else "search.yml is not what would be written")
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
