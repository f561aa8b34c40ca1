"""The hotline's search: rows and FAQs for what is typed, and nothing where nothing is there."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from proof_catalogue.errors import CatalogueError
from proof_catalogue.search import (
    Compared,
    Found,
    Model,
    Sought,
    models,
    outright,
    search,
    search_faqs,
    weigh,
)
from proof_catalogue.spelling import syllables
from proof_catalogue.text import canonical

MATCHED = {"proof", "matter", "alias", "text", "sound", "meaning"}


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("申请教师资格 无犯罪记录证明", "F064"),  # names
        ("清税证明", "F274"),
        ("税务注销证明", "F274"),  # an alias
        ("存折 继承公证", "F096"),
        ("清睡证明", "F274"),  # homophones
        ("见意勇为证明", "F297"),
        ("婚俭证明", "F196"),
        ("wufanzui zhengming jiaoshi", "F064"),  # pinyin
        ("qingshui zhengming", "F274"),
        ("教師資格 無犯罪記錄證明", "F064"),  # traditional
        ("殘疾評定", "F282"),
        ("机动车灭矢证明", "F245"),  # a look-alike
        ("木材合法来原证明", "F299"),
        ("护士 临床考核", "F167"),  # parts of names
        ("阶梯电价", "F359"),
        ("教资 体检", "F223"),  # an abbreviation
        ("车子烧光了怎么销户", "F245"),  # told, not named
        ("请问我把公司注销掉，税务局说要先拿清税证明，是真的吗", "F274"),
    ],
)
def test_the_row_that_is_meant_comes_first(catalogue, query, row):
    assert search(catalogue, query)[0].row.id == row


@pytest.mark.parametrize(
    "query", ["收入证明", "公积金贷款", "亲属关系证明 村里", "低保", "养犬证明", "居住证 证明"]
)
def test_hits_are_ordered_explained_and_above_the_threshold(catalogue, query):
    hits = search(catalogue, query, limit=50)
    assert hits
    scores = [h.score for h in hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] >= models()["there"].threshold and scores[-1] >= models()["rows"].threshold
    assert all(0 <= s <= 1 for s in scores)
    assert all(h.matched and set(h.matched) <= MATCHED for h in hits)
    assert len({h.row.id for h in hits}) == len(hits)
    assert all(h.row.kind != "general_rule" for h in hits)


@pytest.mark.parametrize("query", ["申请教师资格 无犯罪记录证明", "杭州申请教师资格要无犯罪记录证明吗"])
def test_what_is_named_in_full_is_found_without_the_encoder(catalogue, monkeypatch, query):
    def fail(*_):
        raise AssertionError("it was encoded")

    monkeypatch.setattr("proof_catalogue.store.Catalogue.nearing", fail)
    monkeypatch.setattr("proof_catalogue.meaning.encode", fail)
    hits = search(catalogue, query, "330100")
    assert hits[0].row.id == "F064" and hits[0].score > 0.9
    assert {"proof", "matter", "text"} <= set(hits[0].matched) and all(
        "meaning" not in h.matched for h in hits
    )
    assert search_faqs(catalogue, query) == []


def test_one_more_word_is_read_by_its_meaning(catalogue):
    assert not outright(catalogue.linker.link("申请教师资格 无犯罪记录证明 复印"))
    assert not outright(catalogue.linker.link("无犯罪记录证明"))


TEXTS = st.text(st.sampled_from("户口籍证明藉婚状况收入ab1 低保糸"), min_size=1, max_size=12)


@given(query=TEXTS, wordings=st.lists(TEXTS, min_size=1, max_size=6))
def test_names_are_compared_as_one_would_by_hand(catalogue, query, wordings):
    links = catalogue.linker.link(query)
    sought = Sought(links)
    compared = Compared(sought)
    compared.add(wordings[:2])
    compared.add(wordings)

    def pairs_of(parts):
        return {(a, b) for a, b in itertools.pairwise(parts)}

    def shares(name):  # what shares no word, no pair of characters and no pair of sounds counts for nothing
        return any(
            word in name
            or pairs_of(word) & pairs_of(name)
            or pairs_of(syllables(word)) & pairs_of(syllables(name))
            for word, _ in sought.words
        )

    names = [n for n in map(canonical, wordings) if shares(n)]
    found = compared.of(tuple(wordings))

    def best(text, scorer, held):
        return max((scorer(text, n) / 100 for n in held), default=0.0)

    assert found.ratio == pytest.approx(best(links.text, fuzz.ratio, names))
    assert found.part == pytest.approx(best(sought.content, fuzz.partial_ratio, names))
    whole = [n for n in names if 4 <= len(n) <= len(links.text)]
    assert found.like == pytest.approx(best(links.text, fuzz.partial_ratio, whole))
    assert found.exact == bool({sought.content, links.text} & set(names))
    pairs = {n[i : i + 2] for n in names for i in range(len(n) - 1)}
    seen = 0.0
    for word, weight in sought.words:
        own = {word[i : i + 2] for i in range(len(word) - 1)}
        seen += weight * (
            1.0 if any(word in n for n in names) else len(own & pairs) / len(own) if own else 0.0
        )
    assert compared.covered(found)[0] == pytest.approx(seen / sought.weight)


def test_what_matched_is_said(catalogue):
    hit = search(catalogue, "申请教师资格时 无犯罪记录证明有何用")[0]
    assert {"proof", "matter", "text", "meaning"} <= set(hit.matched)
    assert "alias" in search(catalogue, "税务注销证明")[0].matched


@pytest.mark.parametrize(
    "query",
    [
        "今天天气怎么样",
        "asdfghjkl",
        "炒股",
        "1234567",
        "红烧肉怎么做",
        "高铁几点开",
        "证明",
        "要不要证明",
        "采矿许可证",
        "日本签证",
    ],
)
def test_nothing_rather_than_noise(catalogue, query):
    assert search(catalogue, query) == []


@pytest.mark.parametrize("region", [None, "330000", "330100", "330782", "331000", "330900"])
def test_rows_of_other_places_are_not_found(catalogue, region):
    chain = catalogue.regions.chain(region)
    for query in (
        "收入证明",
        "无犯罪记录证明",
        "亲属关系证明",
        "公租房 收入证明",
        "婚姻证明",
        "保安员证 初中学历证明",
    ):
        for hit in search(catalogue, query, region, 50):
            at_home = region is None and hit.row.region_code[:2] == "33"
            assert hit.row.region_code in chain or at_home, (query, hit.row.id)


def test_a_place_in_the_query_outweighs_the_one_given(catalogue):
    found = {h.row.id for h in search(catalogue, "台州 公积金贷款 收入证明", "330100", 50)}
    assert "F119" in found
    assert "F119" not in {h.row.id for h in search(catalogue, "温州 公积金贷款 收入证明", "331000", 50)}


def test_limit(catalogue):
    assert len(search(catalogue, "公积金 收入证明", limit=3)) <= 3
    assert len(search(catalogue, "收入证明", limit=1)) == 1


def test_the_same_query_finds_the_same(catalogue):
    one, other = (search(catalogue, "低保 收入证明", "330100") for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        '"',
        "*",
        "a OR b",
        "NEAR(",
        "proof:x",
        "'; drop table search;--",
        "\x00",
        "\x00收入证明\x00",
        "-",
        "^证明",
        "。！？……",
        "😀🐶",
        "\u202e\u200b",
        "AND OR NOT",
        "{}[]()",
        "证" * 10_000,
        "收入证明 " * 2_000,
        "a" * 10_000,
        "，" * 10_000,
    ],
    ids=lambda query: query[:12],
)
@pytest.mark.timeout(20)
def test_any_query_is_only_a_query(catalogue, query):
    assert len(search(catalogue, query)) <= 10
    assert len(search_faqs(catalogue, query)) <= 3


def test_what_cannot_be_seen_does_not_matter(catalogue):
    plain = [h.row.id for h in search(catalogue, "清税证明")]
    assert [h.row.id for h in search(catalogue, "\x00清\u200b税证明\ufeff")] == plain


@settings(max_examples=15)
@given(st.text(max_size=20))
def test_scores_are_probabilities_whatever_is_typed(catalogue, query):
    for hit in search(catalogue, query):
        assert 0 < hit.score <= 1


def test_candidates_stay_few(catalogue):
    for query in ("证明", "无犯罪记录证明", "公积金 贷款 收入证明"):
        assert len(Found(catalogue, query, None).candidates()) <= 250


@pytest.mark.parametrize(
    ("query", "faq"),
    [
        ("承诺写了假话会怎样", "Q032"),
        ("24小时 周末算吗", "Q018"),
        ("信用修复", "Q041"),
        ("承諾書怎麼寫", "Q028"),
        ("红黑榜", "Q059"),
    ],
)
def test_faqs_are_found_by_the_same_engine(catalogue, query, faq):
    found = search_faqs(catalogue, query)
    assert faq in [f.id for f, _ in found]
    assert all(models()["faqs"].threshold <= score <= 1 for _, score in found) and len(found) <= 3


@pytest.mark.parametrize(
    "query", ["红烧肉怎么做好吃", "清税证明", "教师资格 无犯罪记录证明", "明天下雨吗", ""]
)
def test_no_faq_rather_than_any(catalogue, query):
    assert search_faqs(catalogue, query) == []


def test_a_score_is_shared_by_how_well_each_fits():
    rows, there = Model(0.0, {"near": 2.0}, 0.0), Model(1.0, {}, 0.5)
    names = ("text", "missing", "near", "cover", "exact", "alias", "other_proof", "other_matter", "like_proof", "like_matter", "likeness", "long", "answer")  # fmt: skip
    candidates = [dict.fromkeys(names, 0.0) | {"near": n} for n in (1.0, 0.0)]
    best, other = weigh(candidates, rows, there)
    assert best == pytest.approx(there.score({})) and 0 < other < best
    assert weigh([], rows, there) == []


def test_a_broken_model_is_named(tmp_path):
    path = tmp_path / "search.yml"
    path.write_text("rows: {}", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"search\.yml"):
        models(path)


def test_every_weight_is_of_a_feature(catalogue):
    found = Found(catalogue, "申请教师资格 无犯罪记录证明", None)
    features = list(found.features(found.candidates()))
    assert set(models()["rows"].weights) <= set(features[0])
