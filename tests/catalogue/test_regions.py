"""The region tree and places in sentences."""

import pytest

from proof_catalogue.errors import CatalogueError
from proof_catalogue.regions import Regions, read_former, read_wording, short_name
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


FORMER = {
    "330103": "拱墅区", "330104": "上城区", "330181": "萧山区", "330183": "富阳区", "330184": "余杭区", "330185": "临安区",
    "330204": "鄞州区", "330227": "鄞州区", "330283": "奉化区", "330322": "洞头区", "330621": "柯桥区", "330682": "上虞区",
    "331021": "玉环市", "339007": "义乌市", "332582": "莲都区", "330721": "金华市", "330821": "衢州市",
}  # fmt: skip


@pytest.mark.parametrize(("code", "name"), FORMER.items())
def test_a_code_of_the_past_leads_to_today(regions, code, name):
    today = regions.get(code)
    assert today.name == name and code in regions and regions.is_former(code)
    assert regions.chain(code) == regions.chain(today.code)
    assert regions.children(code) == regions.children(today.code)


def test_codes_in_use_are_not_former(regions):
    for code in regions.codes():
        assert not regions.is_former(code) and regions.get(code).code == code
    assert {"330105", "330110", "330383"} <= set(regions.codes())
    assert not set(FORMER) & set(regions.codes())


def test_every_former_entry_leads_to_a_place_of_the_same_province_and_names_its_source(regions):
    shipped = read_former(DATA / "former_regions.csv")
    assert len(shipped) > 100 and {f.code for f in shipped} <= set(regions.codes())
    for former in shipped:
        assert former.source and former.code[:2] == "33" and former.old_code[:2] in ("33", "")


def test_every_former_name_is_understood(regions):
    missed = []
    ordinary = read_wording(DATA / "region_names.yml").ordinary
    today = {regions.get(c).name: c for c in regions.codes() if c[:2] == "33"}
    for former in read_former(DATA / "former_regions.csv"):
        if former.old_name in ordinary:
            continue
        found = [r.code for r, _, _ in regions.find(f"我在{former.old_name}办事")]
        if found != [today.get(former.old_name, former.code)]:
            missed.append((former.old_name, found))
    assert not missed


def test_a_name_of_today_keeps_its_meaning_whatever_it_meant_before(regions):
    assert [r.code for r, _, _ in regions.find("丽水市")] == ["331100"]
    assert regions.find("郊区") == []


GOOD = "old_code,old_name,code,since,source,note\n330104,江干区,330102,2021-03-11,通知,\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "330104,下城区,330102,2021,通知,\n", "line 3: the code 330104 stands twice"),
        (GOOD + "33010,下城区,330102,2021,通知,\n", "line 3: a code is not six digits"),
        (GOOD + "330103,下城区,330102,2021,,\n", "line 3: needs a name and a source"),
        (GOOD + "330103,下城区,330102,去年,通知,\n", "line 3: since '去年'"),
        (GOOD + "330103,下城区,339999,2021,通知,\n", "下城区 leads to 339999, which is not there"),
        (GOOD + "330102,上城区,330000,2021,通知,\n", "330102 上城区 is in use today"),
        ("old_code,old_name\n330104,江干区\n", "line 2: needs old_code"),
    ],
)
def test_a_fault_among_the_former_regions_is_named(tmp_path, text, message):
    (tmp_path / "regions.csv").write_text(
        "code,name\n000000,全国\n330000,浙江省\n330102,上城区\n", encoding="utf-8"
    )
    (tmp_path / "former_regions.csv").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=rf"former_regions\.csv.*{message}"):
        Regions.load(tmp_path / "regions.csv")


def test_faults_of_the_wording_are_named(tmp_path):
    path = tmp_path / "region_names.yml"
    for text in ("ordinary: [a]", "[", "- a"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CatalogueError, match=r"region_names\.yml: needs"):
            read_wording(path)


def test_regions_that_are_opened_from_a_database_know_the_past_too():
    loaded = Regions.load(DATA / "regions.csv")
    opened = Regions([loaded.get(c) for c in loaded.codes()])
    assert opened.get("330104").code == "330102" and names(opened, "江干区") == ["上城区"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("我贵州的，找谁拿", None),
        ("爹是上海知青", None),
        ("人在深圳打工不想跑回来", None),
        ("带我妈去上海看病要转院", None),
        ("从安徽转来读初一", None),
        ("去上海办居住证要证明吗", "上海市"),
        ("上海的呢", "上海市"),
        ("我河北人在杭州落户", "杭州市"),
        ("衢州的老知青要跑回上海查吗", "衢州市"),
        ("鹿城买新房走公积金贷款，台州我表姐说不用", "鹿城区"),
        ("老家丽水的", "丽水市"),
        ("宁波也一样吗", "宁波市"),
        ("要证明吗", None),
    ],
)
def test_a_place_said_by_the_way_is_not_asked_about(catalogue, text, place):
    regions = catalogue.regions
    found = regions.asked_about(text, regions.find(text))
    assert (found.name if found else None) == place
