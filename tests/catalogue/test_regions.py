"""The region tree and places in sentences."""

import pytest

from proof_catalogue.errors import CatalogueError
from proof_catalogue.regions import Regions, short_name
from proof_catalogue.store import DATA

CITIES = {
    "330100": "杭州市", "330200": "宁波市", "330300": "温州市", "330400": "嘉兴市", "330500": "湖州市", "330600": "绍兴市",
    "330700": "金华市", "330800": "衢州市", "330900": "舟山市", "331000": "台州市", "331100": "丽水市",
}  # fmt: skip


@pytest.fixture(scope="module")
def regions() -> Regions:
    return Regions.load(DATA / "regions.csv")


def names(regions, text):
    return [r.name for r, _, _ in regions.find(text)]


def home(regions, level):
    return [regions.get(c) for c in regions.codes() if c[:2] == "33" and regions.get(c).level == level]


def test_zhejiang_is_whole(regions):
    assert {r.code: r.name for r in home(regions, "city")} == CITIES
    assert len(home(regions, "county")) == 90
    assert {r.code: r.name for r in regions.children("330000")} == CITIES
    assert sum(len(regions.children(c)) for c in CITIES) == 90


def test_chain_goes_from_county_to_country(regions):
    assert regions.chain("330108") == ["330108", "330100", "330000", "000000"]
    assert regions.chain("330782") == ["330782", "330700", "330000", "000000"]
    assert regions.chain("330100") == ["330100", "330000", "000000"]
    assert regions.chain(None) == ["330000", "000000"]
    assert regions.chain("000000") == ["000000"]
    assert regions.chain("320106")[-2:] == ["320000", "000000"]


def test_every_chain_ends_at_the_country_and_is_short(regions):
    for code in regions.codes():
        chain = regions.chain(code)
        assert chain[0] == code and chain[-1] == "000000" and len(chain) <= 4


@pytest.mark.parametrize("code", ["999999", "", "33010", "abc"])
def test_unknown_code(regions, code):
    with pytest.raises(CatalogueError, match="region"):
        regions.get(code)


def test_every_place_of_zhejiang_is_found_by_its_full_name(regions):
    missed = []
    for region in home(regions, "city") + home(regions, "county"):
        found = [r.code for r, _, _ in regions.find(f"我在{region.name}办事")]
        if found != [region.code]:
            missed.append((region.name, found))
    assert not missed


def test_every_city_is_found_by_its_short_name(regions):
    for code, name in CITIES.items():
        ((region, start, end),) = regions.find(f"在{short_name(name)}办事")
        assert (region.code, start, end) == (code, 1, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我在江干区交社保", ["上城区"]),
        ("户口在下城区", ["拱墅区"]),
        ("下沙这边", ["钱塘区"]),
        ("绍兴县的人", ["柯桥区"]),
        ("上虞市", ["上虞区"]),
        ("富阳市", ["富阳区"]),
        ("杭州滨江要吗", ["滨江区"]),
        ("浙江省杭州市西湖区", ["西湖区"]),
        ("浙江金华义乌", ["义乌市"]),
        ("从宁波迁到温州", ["宁波市", "温州市"]),
        ("江苏也要吗", ["江苏省"]),
        ("上海呢", ["上海市"]),
        ("北京市", ["北京市"]),
        ("天津要吗", ["天津市"]),
        ("重庆办的", ["重庆市"]),
        ("上海浦东新区", ["浦东新区"]),
        ("内蒙古要吗", ["内蒙古自治区"]),
    ],
)
def test_names_that_changed_nested_names_and_other_provinces(regions, text, expected):
    assert names(regions, text) == expected


@pytest.mark.parametrize(
    "name", ["北京", "上海", "天津", "重庆", "江苏", "安徽", "福建", "江西", "广东", "湖北"]
)
def test_a_place_outside_the_province_is_never_taken_for_home(regions, name):
    ((region, _, _),) = regions.find(f"我在{name}办事")
    assert "330000" not in regions.chain(region.code)


def test_a_place_inside_another_covers_both_names(regions):
    ((region, start, end),) = regions.find("在杭州滨江办")
    assert (region.code, start, end) == ("330108", 1, 5)


@pytest.mark.parametrize("text", ["去西湖玩", "世界和平", "朝阳产业", "城区里办", "向阳的房间", "南山养老"])
def test_ordinary_words_are_no_places(regions, text):
    assert names(regions, text) == []


def test_a_county_name_that_many_cities_share_means_the_one_at_home_or_none(regions):
    assert names(regions, "江北区") == ["江北区"]
    assert regions.find("江北区")[0][0].code == "330205"
    assert names(regions, "普陀区") == ["普陀区"]
    assert regions.find("普陀区")[0][0].code == "330903"
    assert names(regions, "鼓楼区") == []
    assert [r.code for r, _, _ in regions.find("南京市鼓楼区")] == ["320106"]


@pytest.mark.parametrize(
    ("lines", "line"),
    [("000000,全国\n33010,杭州市\n", 3), ("000000,全国\n330000,\n", 3), (",x\n", 2)],
)
def test_a_malformed_line_is_named(tmp_path, lines, line):
    path = tmp_path / "regions.csv"
    path.write_text("code,name\n" + lines, encoding="utf-8")
    with pytest.raises(CatalogueError, match=rf"regions\.csv, line {line}\b"):
        Regions.load(path)
