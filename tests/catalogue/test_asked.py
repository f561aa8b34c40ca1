"""How near a sentence comes to what citizens are known to ask."""

import dataclasses

import numpy as np
import pytest

from proof_catalogue import asked as module
from proof_catalogue.asked import WIDTH, AskedIndex, asked, sentence_vector, sentence_vectors
from proof_catalogue.faqs import Faq
from proof_catalogue.meaning import encode
from proof_catalogue.requirement import Requirement
from proof_catalogue.tables import FORMATS, read_table, write_table
from proof_catalogue.text import canonical

PAIRS = [
    ("F002", "娃上学要交准生证吗"),
    ("F001", "开网约车要查案底吗"),
    ("F003", "关掉公司税务那边要结清的条子不"),
    ("F001", "跑滴滴要不要良民证"),
]
# Long, foreign, of signs only, of one character, of controls, and nothing at all.
UNUSUAL = [
    "",
    " ",
    "？？！",
    "证",
    "\u200b",
    "\0\x01",
    "İstanbul ß",
    "😀👨‍👩‍👧",
    "𠮷" * 40,
    "证明" * 500,
    "a" * 1500,
]


@pytest.fixture(scope="module")
def index():
    return AskedIndex.build(PAIRS)


def ranked(gains):
    return sorted(gains, key=gains.get, reverse=True)


def test_a_vector_is_a_unit_vector_and_the_same_each_time():
    first, again = sentence_vector("跑滴滴要不要良民证"), sentence_vector("跑滴滴要不要良民证")
    together = sentence_vectors(["跑滴滴要不要良民证", "", "开滴滴查不查案底"])
    assert together[0] == pytest.approx(first, abs=1e-5) and together.shape == (3, WIDTH)
    assert sentence_vectors([]).shape == (0, WIDTH)
    assert first.shape == (WIDTH,) and first.dtype == np.float32 and np.array_equal(first, again)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("text", UNUSUAL, ids=range(len(UNUSUAL)))
def test_any_text_is_compared(index, text):
    assert np.isfinite(sentence_vector(text)).all()
    gains, usual = index.beyond(text)
    assert set(gains) == {"F001", "F002", "F003"} and np.isfinite([*gains.values(), usual]).all()


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("开滴滴查不查案底", "F001"), ("孩子读书还要准生证", "F002"), ("公司不开了，税务的条子要不要", "F003")],
)
def test_a_key_counts_by_its_nearest_sentence(index, text, nearest):
    gains, _ = index.beyond(text)
    assert ranked(gains)[0] == nearest
    best = max(float(sentence_vector(s) @ sentence_vector(text)) for k, s in PAIRS if k == nearest)
    least = module.PER_VECTOR * (best - module.USUAL_VECTOR) - module.PER_CHARACTERS * module.USUAL_CHARACTERS
    assert gains[nearest] >= least - 1e-4


def test_the_very_sentence_gains_most_and_what_is_unlike_all_loses(index):
    most = module.PER_VECTOR * (1 - module.USUAL_VECTOR) + module.PER_CHARACTERS * (
        1 - module.USUAL_CHARACTERS
    )
    for key, sentence in PAIRS:
        gains, _ = index.beyond(sentence)
        assert gains[key] == pytest.approx(most, abs=2e-3) and ranked(gains)[0] == key
    assert all(gain < 0 for gain in index.beyond("zzzz qqqq 1234")[0].values())


def test_keys_of_which_nothing_is_known_get_the_mean(index):
    gains, usual = index.beyond("开滴滴查不查案底")
    assert usual == pytest.approx(np.mean(list(gains.values())))


def test_what_nobody_asks_neither_gains_nor_loses():
    assert AskedIndex.build([]).beyond("开滴滴查不查案底") == ({}, 0.0)


@pytest.mark.parametrize("pairs", [PAIRS, []])
def test_it_is_saved_and_read_again(tmp_path, pairs):
    made = AskedIndex.build(pairs)
    made.save(tmp_path / "x.asked")
    assert [p.name for p in tmp_path.iterdir()] == ["x.asked"]
    loaded = AskedIndex.load(tmp_path / "x.asked")
    for text in ("开滴滴查不查案底", ""):
        (gains, usual), (again, usual_again) = made.beyond(text), loaded.beyond(text)
        assert again == pytest.approx(gains, abs=1e-3) and usual_again == pytest.approx(usual, abs=1e-3)


def test_what_is_known_is_not_encoded_again(index, monkeypatch):
    encoded = []

    def encode(texts):
        encoded.extend(texts)
        return np.eye(1, WIDTH, dtype=np.float32).repeat(len(texts), axis=0)

    monkeypatch.setattr(module, "sentence_vectors", encode)
    monkeypatch.setattr(module, "sentence_vector", lambda text: encode([text])[0])
    told = []
    # A known sentence of another row, a new one of two rows, one that is gone.
    pairs = [("F009", PAIRS[0][1]), ("F009", "全新的一句"), ("F008", "全新的一句")]
    grown = AskedIndex.build(pairs, index, progress=lambda done, of: told.append((done, of)))
    assert encoded == ["全新的一句"] and told == [(1, 1)]
    held = dict(zip(grown._sentences, grown._vectors, strict=True))
    known = dict(zip(index._sentences, index._vectors, strict=True))
    assert set(held) == {PAIRS[0][1], "全新的一句"} and np.array_equal(held[PAIRS[0][1]], known[PAIRS[0][1]])
    assert AskedIndex.build(PAIRS, index).beyond(PAIRS[1][1])[0].keys() == {"F001", "F002", "F003"}
    assert encoded == ["全新的一句", PAIRS[1][1]], "only the question itself was encoded"


def test_of_rows_and_faqs_all_that_is_asked(catalogue):
    row = dataclasses.replace(catalogue.rows["F274"], asked_as=("關公司要 清税證明嗎？", "", " ", "？"))
    faq = next(iter(catalogue.faqs.values()))
    faq = dataclasses.replace(faq, question="问一句", variants=("再问一句",))
    assert isinstance(faq, Faq)
    pairs = asked([row], [faq])
    assert pairs[0] == (row.id, canonical("關公司要 清税證明嗎？"))
    assert pairs[-2:] == [(faq.id, "问一句"), (faq.id, "再问一句")] and all(s for _, s in pairs)
    assert asked([dataclasses.replace(row, asked_as=())], []) == []


def test_every_shipped_row_that_answers_holds_sentences_of_its_own(catalogue):
    seen = {}
    for row in catalogue.rows.values():
        assert len(row.asked_as) >= 5, row.id
        for sentence in row.asked_as:
            assert 4 <= len(sentence) <= 60, (row.id, sentence)
            assert seen.setdefault(sentence, row.id) == row.id, (row.id, seen[sentence], sentence)


def test_the_sentences_of_a_row_lead_to_it(catalogue):
    """Of each tenth row, a sentence of its own that is said word by word finds it first."""
    lost = []
    for row in list(catalogue.rows.values())[::10]:
        near = catalogue.near(canonical(row.asked_as[-1]))
        if row.id not in sorted(near, key=near.get, reverse=True)[:3]:
            lost.append((row.id, row.asked_as[-1]))
    assert not lost


def test_rows_that_are_not_among_the_nearest_in_meaning_gain_too(catalogue):
    """What is asked of a row counts even where the row is not among the `top` by meaning, and the others get the mean."""
    text = canonical(catalogue.rows["F162"].asked_as[0])
    few, many = catalogue.near(text, top=1), catalogue.near(text, top=10_000)
    assert "F162" in few and set(few) == set(many)
    assert few["F162"] <= many["F162"] + 1e-6
    gains, usual = catalogue._asked.beyond(text)
    bare = catalogue._meaning.near(encode([text])[0], 10_000)
    for key, nearness in bare.items():
        assert many[key] == pytest.approx(nearness + gains.get(key, usual), abs=1e-5)


@pytest.mark.parametrize("format", FORMATS)
def test_how_citizens_ask_goes_out_and_comes_back_in_a_table(catalogue, tmp_path, format):
    rows = [
        dataclasses.replace(catalogue.rows["F274"], asked_as=("关公司要条子吗", "=1+1？", "要，还是不要")),
        dataclasses.replace(catalogue.rows["F155"], asked_as=()),
    ]
    path = tmp_path / f"rows.{format}"
    write_table(rows, path, format)
    table = read_table(path, catalogue.regions)
    assert not table.faults and not table.notices
    assert [Requirement(**r.fields, id=r.id) for r in table.rows] == rows


@pytest.mark.parametrize("heading", ["市民问法", "群众怎么问"])
def test_the_column_is_known_by_its_names_and_sentences_are_cut(catalogue, tmp_path, heading):
    path = tmp_path / "rows.csv"
    write_table([catalogue.rows["F274"]], path, "csv")
    text = path.read_text("utf-8-sig")
    assert "市民问法" in text.splitlines()[0]
    path.write_text(text.replace("市民问法", heading), encoding="utf-8-sig")
    table = read_table(path, catalogue.regions)
    assert not table.faults
    assert table.rows[0].fields["asked_as"] == catalogue.rows["F274"].asked_as


def test_everything_that_ships_is_compared(catalogue):
    catalogue.near("热身")
    held = set(zip(catalogue._asked._all_keys, catalogue._asked._sentences, strict=True))
    assert held == set(asked(catalogue.rows.values(), catalogue.faqs.values()))
