"""Positions become places."""

import csv

import pytest

from connectors.wechat import places
from connectors.wechat.places import region_at


@pytest.mark.parametrize(
    "latitude, longitude, label, name",
    [
        ("30.2594", "120.1301", "浙江省杭州市西湖区文三路1号", "西湖区"),
        ("30.2594", "120.1301", "", "杭州市"),
        ("28.13", "121.23", "", "台州市"),  # 玉环, nearer to 温州's counties than to any other of 台州's
        ("30.42", "120.30", "", "杭州市"),  # 临平
        ("27.58", "120.55", "", "温州市"),  # 龙港
        ("29.87", "121.55", "中国浙江省宁波市海曙区", "海曙区"),
        ("31.2304", "121.4737", "上海市黄浦区", None),
        ("31.2304", "121.4737", "", None),
        ("39.9", "116.4", "", None),
        ("0", "0", "", None),
        ("", "", "", None),
        ("nan", "inf", "", None),
        ("91", "500", "", None),
        ("30.25; drop", "x", "没有地名", None),
        ("30.2594", "120.1301", "某路某号", "杭州市"),
    ],
)
def test_a_position_is_a_place(catalogue, latitude, longitude, label, name):
    region = region_at(catalogue.regions, latitude, longitude, label)
    assert (region.name if region else None) == name


def test_every_centre_is_of_a_county_of_the_province_and_lies_there(catalogue):
    with (places.Path(places.__file__).with_name("centres.csv")).open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    counties = {c for c in catalogue.regions.codes() if c[:2] == "33" and not c.endswith("00")}
    assert {r["code"] for r in rows} <= counties
    # 临平, 钱塘 and 龙港 are younger than the sources.
    assert counties - {r["code"] for r in rows} == {"330113", "330114", "330383"}
    assert all(118 < float(r["longitude"]) < 123 and 27 < float(r["latitude"]) < 31.3 for r in rows)


def test_the_centre_of_a_county_lies_in_its_city(catalogue):
    with (places.Path(places.__file__).with_name("centres.csv")).open(encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            region = region_at(catalogue.regions, row["latitude"], row["longitude"])
            assert region and region.code == row["code"][:4] + "00", row
