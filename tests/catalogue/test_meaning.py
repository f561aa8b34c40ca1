"""Nearness in meaning."""

import numpy as np
import pytest

from proof_catalogue import meaning
from proof_catalogue.meaning import MeaningIndex, Nearness, encode, encoding


def test_vectors_are_unit_vectors_and_the_same_each_time():
    first, again = encode(["收入证明", "", "清税证明"]), encode(["收入证明", "", "清税证明"])
    assert first.shape == (3, 384) and first.dtype == np.float32
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-3) and np.array_equal(first, again)


def test_a_key_counts_by_its_nearest_wording(tmp_path):
    built, left = MeaningIndex.build([("a", "公司注销"), ("b", "上小学"), ("a", "清税证明")])
    assert left == 0
    built.save(tmp_path / "index.npz")
    for index in (built, MeaningIndex.load(tmp_path / "index.npz")):
        near = index.near(encode(["清税证明"])[0])
        assert list(near) == ["a", "b"] and near["a"] == pytest.approx(1, abs=0.01) and near["b"] < near["a"]


def test_what_is_known_is_not_encoded_again(monkeypatch):
    known, _ = MeaningIndex.build([("a", "公司注销"), ("b", "公司注销")])
    assert len(known.vectors()) == 1
    monkeypatch.setattr("proof_catalogue.meaning.encode", lambda *_: pytest.fail("encoded again"))
    again, left = MeaningIndex.build([("c", "公司注销"), ("d", "上小学")], known, most=0)
    assert left == 1 and list(again.near(known.vectors().popitem()[1])) == ["c"]


def test_the_nearest_and_all_faqs_are_returned():
    pairs = [(f"F{n:03}", f"第{n}件事") for n in range(30)] + [("Q001", "天气")]
    index, _ = MeaningIndex.build(pairs)
    near = index.near(encode(["第7件事"])[0], top=3)
    assert "F007" in near and "Q001" in near and len(near) == 4
    assert MeaningIndex.build([])[0].near(encode(["x"])[0]) == {}


def test_what_means_the_same_is_nearer_than_what_does_not(catalogue):
    near = catalogue.near("老人去世了存折里的钱怎么取，要不要公证")
    assert near["F096"] > near.get("F258", 0)
    assert set(near) <= set(catalogue.rows) | set(catalogue.faqs)


def test_nearness_is_worked_out_when_first_looked_at_and_once():
    times = []
    near = Nearness(lambda: times.append(1) or {"a": 0.9, "b": 0.8})
    assert not times
    assert near["a"] == 0.9 and near.get("c", 0.0) == 0.0 and max(near.values()) == 0.9
    assert dict(near) == {"a": 0.9, "b": 0.8} and len(near) == 2 and bool(near)
    assert len(times) == 1


def test_what_could_not_be_encoded_is_tried_again(monkeypatch):
    def fails(texts):
        raise MemoryError

    text = "这一句第一次没有编出来"
    with monkeypatch.context() as broken:
        broken.setattr(meaning, "encode", fails)
        with pytest.raises(MemoryError):
            encoding(text).result(10)
    assert np.allclose(encoding(text).result(30), encode([text])[0])
    assert encoding(text) is encoding(text)
