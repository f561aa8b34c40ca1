"""The hotline's search."""

import pytest

from proof_catalogue.search import FAQ_LEAST, LEAST, search, search_faqs


def test_the_row_that_is_meant_comes_first(catalogue):
    hits = search(catalogue, "申请教师资格 无犯罪记录证明")
    assert hits[0].row.id == "F064"
    assert search(catalogue, "清税证明")[0].row.id == "F274"
    assert search(catalogue, "存折 继承公证")[0].row.id == "F096"


@pytest.mark.parametrize("query", ["收入证明", "公积金", "亲属关系证明 村里", "低保", "养犬", "居住证 证明"])
def test_hits_are_ordered_explained_and_above_the_threshold(catalogue, query):
    hits = search(catalogue, query, limit=50)
    assert hits
    scores = [h.score for h in hits]
    assert scores == sorted(scores, reverse=True) and all(LEAST <= s <= 1 for s in scores)
    assert all(h.matched and set(h.matched) <= {"proof", "matter", "alias", "text", "meaning"} for h in hits)
    assert len({h.row.id for h in hits}) == len(hits)
    assert all(h.row.kind != "general_rule" for h in hits)


@pytest.mark.parametrize(
    "query", ["今天天气怎么样", "asdfghjkl", "炒股", "。。。", "1234567", "红烧肉怎么做"]
)
def test_nothing_rather_than_noise(catalogue, query):
    assert search(catalogue, query) == []


@pytest.mark.parametrize("region", [None, "330000", "330100", "330782", "331000", "330900"])
def test_rows_of_other_places_are_not_found(catalogue, region):
    chain = catalogue.regions.chain(region)
    for query in ("收入证明", "无犯罪记录证明", "亲属关系证明", "公租房 收入证明", "婚姻证明", "健在证明"):
        for hit in search(catalogue, query, region, 50):
            at_home = region is None and hit.row.region_code[:2] == "33"
            assert hit.row.region_code in chain or at_home, (query, hit.row.id)


def test_a_place_in_the_query_outweighs_the_one_given(catalogue):
    found = {h.row.id for h in search(catalogue, "台州 公积金贷款 收入证明", "330100", 50)}
    assert "F119" in found
    assert "F119" not in {h.row.id for h in search(catalogue, "温州 公积金贷款 收入证明", "331000", 50)}


def test_limit(catalogue):
    assert len(search(catalogue, "证明 办理 公积金", limit=3)) <= 3
    assert len(search(catalogue, "收入证明", limit=1)) == 1


@pytest.mark.parametrize(
    "query", ['"', "*", "a OR b", "NEAR(", "proof:x", "'; drop table search;--", "\x00", "-", "^证明"]
)
def test_the_query_is_never_taken_for_a_search_expression(catalogue, query):
    search(catalogue, query)
    catalogue.full_text(query)


def test_faqs(catalogue):
    found = search_faqs(catalogue, "写了假的承诺会怎么样", 3)
    assert found and found[0][0].topic in ("false_pledge", "credit", "pledge")
    assert all(s >= FAQ_LEAST for _, s in found) and len(found) <= 3
    assert search_faqs(catalogue, "红烧肉怎么做好吃", 3) == []
