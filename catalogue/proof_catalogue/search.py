"""Finding rows and FAQs for what somebody typed: candidates from every index, one calibrated score, nothing rather than noise."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from rapidfuzz import fuzz, process

from .decide import Case, Decision, Question, decide
from .errors import CatalogueError
from .faqs import Faq
from .linker import SMALL, Links, Mention
from .requirement import Requirement
from .spelling import syllables
from .store import DATA, Catalogue
from .text import canonical, cutter

# Of the longest texts only so much is read; the web API stops at 200 characters anyway.
LONGEST = 300
# Of a longer text the end is compared by meaning: there the question stands, and each character costs the encoder a millisecond.
END = 20
CANDIDATES = 60  # from each index
FAQ_CANDIDATES = 30
NAMED, FAR = (
    0.95,
    0.85,
)  # how near a row is taken to be that is named outright, and one of which nothing is known
MOST = 120  # in all; more would only make large catalogues slow

# What a result may say that it was found by, with the feature and the value from which on it says so.
_MATCHED = {
    "proof": ("proof", 1e-9),
    "matter": ("matter", 1e-9),
    "alias": ("alias", 1e-9),
    "text": ("text", 0.5),
    "sound": ("sound", 0.1),
    "meaning": ("near", 0.5),
}


@dataclass(frozen=True)
class Hit:
    """A row that was found, the probability that it is the one looked for, and by what: proof, matter, alias, text, sound, meaning."""

    row: Requirement
    score: float
    matched: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """A logistic model: the weight of each feature, and the probability below which nothing is returned."""

    intercept: float
    weights: dict[str, float]
    threshold: float

    def score(self, features: dict[str, float]) -> float:
        """Return the probability (0–1) for `features`; a feature without a weight counts nothing."""
        return self.scores([features])[0]

    def scores(self, features: list[dict[str, float]]) -> list[float]:
        """Return the probability of each of `features`, which all have the same names."""
        if not features:
            return []
        weights = np.array([self.weights.get(name, 0.0) for name in features[0]])
        totals = self.intercept + _table(features) @ weights
        return (1.0 / (1.0 + np.exp(-np.clip(totals, -30.0, 30.0)))).tolist()


def _table(features: list[dict[str, float]]) -> np.ndarray:
    return np.array([tuple(f.values()) for f in features])


@functools.lru_cache(maxsize=4)
def models(path: Path = DATA / "search.yml") -> dict[str, Model]:
    """Return the models `rows`, `there` and `faqs` that benchmarks/fit_search.py wrote. Raises CatalogueError if they cannot be read."""
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: Model(**held[name]) for name in ("rows", "there", "faqs")}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CatalogueError(f"{path.name}: cannot be read ({type(error).__name__}: {error})") from None


class Sought:
    """What is looked for: the mended query, its telling words, and what it names."""

    def __init__(self, links: Links):
        self.links = links
        gone = {i for _, start, end in links.regions for i in range(start, end)}
        bare = "".join(" " if i in gone else c for i, c in enumerate(links.text))
        # Cut first: 出境 is a word although 出 alone says nothing; unknown words are left in their parts.
        cut = [(w, bool(SMALL.sub("", w).strip())) for w in cutter().cut(bare, HMM=False)]
        self.content = " ".join("".join(w if tells else " " for w, tells in cut).split())
        self.size = max(2, len(self.content.replace(" ", "")))
        self.words = [(w, _telling(w)) for w, tells in cut if tells]
        self.weight = sum(w for _, w in self.words) or 1.0


def _telling(word: str) -> float:
    """Return how much `word` tells, from its rarity in everyday Chinese: about 3 (的) to 14 (a word that jieba does not know)."""
    table = cutter().dt
    return min(14.0, max(3.0, math.log(table.total or 1) - math.log(table.FREQ.get(word) or 1)))


def _pairs(parts: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{a} {b}" for a, b in itertools.pairwise(parts))


def _neighbours(text: str) -> frozenset[str]:
    return frozenset(a + b for a, b in itertools.pairwise(text))


@functools.lru_cache(maxsize=16_384)
def _form(wording: str) -> tuple[str, frozenset[str], frozenset[str]]:
    """Return the canonical form of a wording, its pairs of characters and its pairs of sounds."""
    text = canonical(wording)
    return text, _neighbours(text), _pairs(syllables(text))


class _Names(NamedTuple):
    """Wordings together, against one query: which of its words, pairs and sounds stand in them (as bits), and the greatest likeness."""

    words: int = 0
    pairs: int = 0
    sounds: int = 0
    exact: bool = False
    ratio: float = 0.0  # of the whole query to a wording, 0–1
    part: float = 0.0  # of its telling words to a part of a wording, or the other way round
    like: float = 0.0  # of a wording of four characters or more to a part of the query


_NOTHING = _Names()


class Compared:
    """The names of all candidates against one query; each wording is compared once, however many rows bear it."""

    def __init__(self, sought: Sought):
        self._sought = sought
        self._pair_bits, self._pairs_of = _bits([_neighbours(w) for w, _ in sought.words])
        self._sound_bits, self._sounds_of = _bits([_pairs(syllables(w)) for w, _ in sought.words])
        self._word_bits = [(w, 1 << i) for i, (w, _) in enumerate(sought.words)]
        self._all_pairs, self._all_sounds = frozenset(self._pair_bits), frozenset(self._sound_bits)
        self._held: dict[str, _Names] = {}
        self._covered: dict[tuple[int, int, int], tuple[float, float, float]] = {}
        self._together: dict[tuple[str, ...], _Names] = {}

    def add(self, wordings: Iterable[str]) -> None:
        """Compare those of `wordings` that have not been compared yet."""
        shared: dict[str, tuple[str, int, int, int]] = {}
        for name in dict.fromkeys(wordings):
            if name in self._held:
                continue
            # Plain loops: this is the inmost of a search, and most wordings share nothing with the query.
            held, pairs, sounds = _form(name)
            words = pairs_held = sounds_held = 0
            for word, bit in self._word_bits:
                if word in held:
                    words |= bit
            for pair in self._all_pairs & pairs:
                pairs_held |= self._pair_bits[pair]
            for sound in self._all_sounds & sounds:
                sounds_held |= self._sound_bits[sound]
            if words or pairs_held or sounds_held:
                shared[name] = held, words, pairs_held, sounds_held
            else:
                self._held[name] = _NOTHING
        texts = [held for held, *_ in shared.values()]
        if not texts:
            return
        text, content = self._sought.links.text, self._sought.content

        def likeness(query: str, scorer: Callable[..., float]) -> list[float]:
            scores = process.cdist([query], texts, scorer=scorer, dtype=np.float64)[0]
            return (scores / 100).tolist()

        ratio = likeness(text, fuzz.ratio)
        part, like = likeness(content, fuzz.partial_ratio), likeness(text, fuzz.partial_ratio)
        for n, (name, (held, words, pairs_held, sounds_held)) in enumerate(shared.items()):
            exact = held in (content, text)
            alike = like[n] if 4 <= len(held) <= len(text) else 0.0
            self._held[name] = _Names(words, pairs_held, sounds_held, exact, ratio[n], part[n], alike)

    def of(self, wordings: tuple[str, ...]) -> _Names:
        """Return what the `wordings`, which were added, are together."""
        found = self._together.get(wordings)
        if found is None:
            held = [self._held[w] for w in dict.fromkeys(wordings) if w in self._held]
            found = self._together[wordings] = both(*held)
        return found

    def covered(self, names: _Names) -> tuple[float, float, float]:
        """Return how much of what is sought stands in `names`, how much more sounds like it, and its most telling word that does neither."""
        key = (names.words, names.pairs, names.sounds)
        if key in self._covered:
            return self._covered[key]
        seen = heard = missing = 0.0
        for number, (_, weight) in enumerate(self._sought.words):
            if names.words >> number & 1:
                seen += weight
                continue
            part = _share(names.pairs, self._pairs_of[number])
            sound = max(0.0, _share(names.sounds, self._sounds_of[number]) - part)
            seen += weight * part
            heard += weight * sound
            missing = max(missing, weight * (1.0 - part - sound))
        weight = self._sought.weight
        found = self._covered[key] = (seen / weight, heard / weight, missing / 14.0)
        return found


def both(*names: _Names) -> _Names:
    """Return `names` as one."""
    names = tuple(n for n in names if n is not _NOTHING)
    if len(names) < 2:
        return names[0] if names else _NOTHING
    words, pairs, sounds, exact, ratio, part, like = zip(*names, strict=True)
    together = (functools.reduce(operator.or_, bits) for bits in (words, pairs, sounds))
    return _Names(
        next(together), next(together), next(together), any(exact), max(ratio), max(part), max(like)
    )


def _bits(sets: list[frozenset[str]]) -> tuple[dict[str, int], list[int]]:
    """Return one bit for each member of `sets`, and the bits of each set."""
    bits = {member: 1 << n for n, member in enumerate(dict.fromkeys(m for s in sets for m in s))}
    return bits, [sum(bits[m] for m in s) for s in sets]


def _share(held: int, wanted: int) -> float:
    return (held & wanted).bit_count() / wanted.bit_count() if wanted else 0.0


def outright(links: Links) -> set[str]:
    """Return the rows of the proof and the matter that `links` names, where they name both by name and nothing else is said."""
    proofs = [m.term for m in links.proofs if m.how == "name"]
    matters = [m.term for m in links.matters if m.how == "name" and not m.term.generic]
    if not (proofs and matters) or links.residue:
        return set()
    rows = ({i for t in terms for i in t.requirements} for terms in (proofs, matters))
    return set.intersection(*rows)


class Found:
    """One search for rows: everything that its candidates are compared by."""

    def __init__(self, catalogue: Catalogue, query: str, region: str | None, on: date | None = None):
        self.catalogue = catalogue
        links = catalogue.linker.link(query[:LONGEST])
        self.links = links
        terms = [m.term for m in (*links.proofs, *links.matters)]
        self.rows_of = {(t.kind, t.name): frozenset(t.requirements) for t in terms}
        place = links.region.code if links.region else region
        question = Question(links, place, on=on or date.today())
        self.case = Case(catalogue, question)
        joint = filter(self.case.counts, outright(links))
        # Where the names say it all, the encoder would take most of the time and tell nothing more.
        named = dict.fromkeys(joint, NAMED)
        self.named = bool(named)
        nearing = None if named else catalogue.nearing(links.text, end=END)
        self.sought = Sought(links)
        self.compared = Compared(self.sought)
        self._wordings: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._by_words_of: dict[str, dict[str, float]] = {}
        self._how = [
            self._said(mentions, how) for mentions in (links.proofs, links.matters) for how in ("name", "cue")
        ]
        self._names_proof = any(m.how == "name" for m in links.proofs)
        self._names_matter = any(m.how == "name" and not m.term.generic for m in links.matters)
        self._length = max(2, len(links.text.replace(" ", "")))
        # Where no region is known, cities of the province may still be asked about.
        regions = catalogue.regions.chain(place) if place else None
        self.texts = catalogue.full_text(self.sought.content, CANDIDATES, regions)
        self.best_text = max(self.texts.values(), default=0.0) or 1.0
        if nearing:
            for source in self._by_words():  # while it is compared by meaning
                self._read(itertools.islice(filter(self.case.counts, source), CANDIDATES))
        self.near: Mapping[str, float] = nearing.result() if nearing else named
        self.decision: Decision = decide(catalogue, replace(question, near=self.near))

    def _said(self, mentions: tuple[Mention, ...], how: str) -> Callable[[Requirement], frozenset[int]]:
        """Return what gives the characters of the query that name a term of a row."""
        said = [
            (self.rows_of[m.term.kind, m.term.name], m.covered)
            for m in mentions
            if m.how == how and not m.term.generic
        ]
        return lambda row: frozenset().union(*(covered for rows, covered in said if row.id in rows))

    def _by_words(self) -> list[Iterable[str]]:
        """Return the rows that are found without meaning: by both names, by an alias, by full text, by either name."""
        proofs = [self.rows_of["proof", m.term.name] for m in self.links.proofs]
        matters = [self.rows_of["matter", m.term.name] for m in self.links.matters if not m.term.generic]
        joint = {i for p in proofs for m in matters for i in p & m}
        named = (m.term.requirements for m in (*self.links.proofs, *self.links.matters))
        return [sorted(joint), self.links.rows, self.texts, *named]

    def candidates(self) -> list[Requirement]:
        """Return the rows that any index finds and that may hold where it is asked, MOST at the most."""
        near = sorted((-s, k) for k, s in self.near.items() if k in self.catalogue.rows)
        by_words = self._by_words()
        sources: list[Iterable[str]] = [
            *by_words[:3],
            [k for _, k in near[:CANDIDATES]],
            [r.id for r in self.decision.rows],
            *by_words[3:],
        ]
        ids: dict[str, None] = {}
        for source in sources:
            ids |= dict.fromkeys(itertools.islice(filter(self.case.counts, source), CANDIDATES))
        return self._read(itertools.islice(ids, MOST))

    def _read(self, ids: Iterable[str]) -> list[Requirement]:
        """Return the rows of `ids`, compared with what is sought in all that needs no meaning."""
        rows = self.catalogue.rows.all(ids)
        self.catalogue.terms_of.load(r.id for r in rows)
        for row in rows:
            if row.id not in self._wordings:
                terms = self.catalogue.terms_of[row.id]
                proof = itertools.chain.from_iterable(t.names for t in terms if t.kind == "proof")
                matter = itertools.chain.from_iterable(t.names for t in terms if t.kind == "matter")
                self._wordings[row.id] = (
                    (row.proof, row.short_proof, *row.aliases, *proof),
                    (row.matter, *matter),
                )
        self.compared.add(name for row in rows for names in self._wordings[row.id] for name in names)
        for row in rows:
            if row.id not in self._by_words_of:
                self._by_words_of[row.id] = self._worded(row)
        return rows

    def features(self, rows: list[Requirement]) -> Iterator[dict[str, float]]:
        """Yield for each of `rows`, which `candidates` returned, what the model weighs; each about 0–1."""
        nearest = max((self.near.get(r.id, 0.0) for r in rows), default=0.0)
        kind, chosen = self.decision.kind, {r.id for r in self.decision.rows}
        answer, offers = kind == "answer", kind not in ("answer", "not_listed")
        for row in rows:
            near = self.near.get(row.id, FAR)
            yield {
                **self._by_words_of[row.id],
                "near": max(0.0, near - 0.85) / 0.1,
                "behind": min(1.0, (nearest - near) / 0.05),
                "answer": float(answer and row.id in chosen),
                "offered": float(offers and row.id in chosen),
                "answered_other": float(answer and row.id not in chosen),
                "not_listed": float(kind == "not_listed"),
                "unknown": float(kind == "unknown"),
            }

    def _worded(self, row: Requirement) -> dict[str, float]:
        """Return what the model weighs that needs neither nearness in meaning nor the decision; their places are kept."""
        links, sought, compared = self.links, self.sought, self.compared
        proof_names, matter_names = (compared.of(names) for names in self._wordings[row.id])
        names = both(proof_names, matter_names)
        proof, proof_cue, matter, matter_cue = (how(row) for how in self._how)
        all_proof, all_matter = proof | proof_cue, matter | matter_cue
        alias = min(1.0, links.rows.get(row.id, 0) / self._length)
        text, sound, missing = compared.covered(names)
        generic = self.catalogue.generic(row.id)
        by = row.status if row.verdict_kind == "wrong_issuer" else ""
        holds = self.case.holds(row)
        return {
            "proof": float(bool(proof)),
            "proof_cue": float(bool(proof_cue and not proof)),
            "matter": float(bool(matter)),
            "matter_cue": float(bool(matter_cue and not matter)),
            "both": float(bool(all_proof and all_matter)),
            "cover": min(1.0, len(all_proof | all_matter) / self._length),
            "alias": alias,
            "alias_beyond": max(0.0, alias - len(proof) / self._length),
            "exact": float(names.exact),
            "text": text,
            "text_all": float(text >= 0.999),
            "text_proof": compared.covered(proof_names)[0],
            "text_matter": compared.covered(matter_names)[0],
            "missing": missing,
            "like_proof": proof_names.like,
            "like_matter": matter_names.like,
            "sound": sound,
            "bm25": self.texts.get(row.id, 0.0) / self.best_text,
            "likeness": names.ratio,
            "part": names.part,
            "near": 0.0,
            "behind": 0.0,
            "other_proof": float(self._names_proof and not all_proof),
            "other_matter": float(self._names_matter and not all_matter and not generic),
            "generic": float(generic),
            "generic_matter": float(generic and bool(links.matters)),
            "issuer": float(bool(by) and by in links.issuers),
            "other_issuer": float(bool(by) and bool(links.issuers) and by not in links.issuers),
            "wrong_issuer": float(bool(by)),
            "paper": float(links.says_paper),
            "short": float(sought.size <= 4),
            "long": min(1.0, sought.size / 30),
            "place": len(self.case.chain) - 1 - self.case.chain.index(row.region_code) if holds else 0.0,
            "local": float(not holds),
        }


def overall(features: list[dict[str, float]], scores: list[float]) -> dict[str, float]:
    """Return what tells whether anything that was looked for is among the candidates, from their features and scores."""
    best = max(range(len(scores)), key=lambda n: (scores[n], -n))
    ranked = sorted(scores, reverse=True)
    found = {f"best_{name}": value for name, value in features[best].items()}
    most = _table(features).max(axis=0).tolist()
    found |= {f"most_{name}": value for name, value in zip(features[best], most, strict=True)}
    found["score"] = _odds(ranked[0])
    found["next"] = _odds(ranked[1] if len(ranked) > 1 else 0.0)
    found["sum"] = math.log(sum(ranked[:8]) + 1e-3)
    return found


def _odds(probability: float) -> float:
    held = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(held / (1 - held))


def weigh(features: list[dict[str, float]], rows: Model, there: Model) -> list[float]:
    """Return the calibrated score of each candidate: the probability that something is there, shared by how well each fits."""
    if not features:
        return []
    scores = rows.scores(features)
    present, best = there.score(overall(features, scores)), max(scores)
    return [present * s / best for s in scores]


def _matched(features: dict[str, float], named: bool) -> tuple[str, ...]:
    """Return what a row was found by; where everything is `named`, nothing was compared by meaning."""
    found = [name for name, (feature, least) in _MATCHED.items() if features[feature] >= least]
    if named:
        return tuple(name for name in found if name != "meaning") or ("text",)
    return tuple(found) or ("meaning",)


def search(
    catalogue: Catalogue, query: str, region: str | None = None, limit: int = 10, on: date | None = None
) -> list[Hit]:
    """Return the rows that hold `on` a day (today) for `query`, best first; rows of other provinces never, of other cities only when no region is known.

    A score is the probability that the row is what was looked for, by logistic models over names, words, sounds and meaning.
    Where the best is below the threshold nothing is returned. A place in the query outweighs `region`.
    """
    found = Found(catalogue, query, region, on)
    rows = found.candidates() if found.sought.content else []
    features = list(found.features(rows))
    held = models()
    scores = weigh(features, held["rows"], held["there"])
    if max(scores, default=0.0) < held["there"].threshold:
        return []
    hits = [
        Hit(row, score, _matched(f, found.named))
        for row, score, f in zip(rows, scores, features, strict=True)
        if score >= held["rows"].threshold
    ]
    return sorted(hits, key=lambda h: (-h.score, h.row.id))[:limit]


def faq_features(catalogue: Catalogue, query: str) -> dict[str, dict[str, float]]:
    """Return for each FAQ that may be meant what the model weighs."""
    links = catalogue.linker.link(query[:LONGEST])
    if outright(links):
        return {}
    sought = Sought(links)
    near = catalogue.near(links.text, end=END)
    cosines = {k: near.get(k, 0.0) for k in catalogue.faqs}
    nearest = max(cosines.values(), default=0.0)
    nearest_row = max((s for k, s in near.items() if k in catalogue.rows), default=0.0)
    kept = sorted(catalogue.faqs, key=lambda k: (-cosines[k], k))[:FAQ_CANDIDATES]
    wordings = {k: (catalogue.faqs[k].question, *catalogue.faqs[k].variants) for k in kept}
    compared = Compared(sought)
    compared.add(itertools.chain(*wordings.values()))
    found = {}
    for key in kept:
        names = compared.of(wordings[key])
        text, sound, missing = compared.covered(names)
        whole = (compared.covered(compared.of((w,)))[0] for w in wordings[key])
        found[key] = {
            "near": max(0.0, cosines[key] - 0.85) / 0.1,
            "behind": min(1.0, (nearest - cosines[key]) / 0.05),
            "row_nearer": max(-1.0, min(1.0, (nearest_row - cosines[key]) / 0.05)),
            "text": text,
            "sound": sound,
            "missing": missing,
            "one": max(whole, default=0.0),
            "likeness": names.ratio,
            "part": names.part,
            "named": float(bool(links.proofs)) + float(any(not m.term.generic for m in links.matters)),
            "long": min(1.0, sought.size / 30),
        }
    return found


def search_faqs(
    catalogue: Catalogue, query: str, limit: int = 3, on: date | None = None
) -> list[tuple[Faq, float]]:
    """Return the FAQs that hold `on` a day (today) for `query`, best first, each with the probability that it is the one looked for; none below the threshold."""
    model = models()["faqs"]
    features = faq_features(catalogue, query)
    scores = model.scores(list(features.values()))
    scored = [(catalogue.faqs[k], score) for k, score in zip(features, scores, strict=True)]
    scored = [
        (faq, score) for faq, score in scored if score >= model.threshold and faq.in_force(on or date.today())
    ]
    return sorted(scored, key=lambda pair: (-pair[1], pair[0].id))[:limit]
