"""Made-up rows for measuring growth: 3,000 proofs, 5,000 matters, the 102 regions of Zhejiang.

Nothing in the rows is true, and each says so.
"""

from __future__ import annotations

import itertools
import random
from datetime import date, timedelta
from pathlib import Path

import yaml

from proof_catalogue.regions import Regions
from proof_catalogue.requirement import PATHS, Requirement

PROOFS, MATTERS = 3000, 5000
FIRST_ID = 100_001  # far from the rows that ship, so that both fit into one catalogue
_WORDS = Path(__file__).with_name("synthetic_words.yml")
_REGIONS = Path(__file__).resolve().parent.parent / "catalogue" / "data" / "regions.csv"
_STATUSES = {"retained": 30, "cancelled": 25, "pledge": 16, "data_sharing": 14, "verification": 8, "not_issued_by_village": 4, "not_issued_by_police": 3}  # fmt: skip


def rows(count: int, seed: int = 1) -> list[Requirement]:
    """Return `count` made-up rows with ids from F100001 on; no two share proof, matter and region; the same for the same seed."""
    chance = random.Random(seed)
    words = {k: v.split() for k, v in yaml.safe_load(_WORDS.read_text(encoding="utf-8")).items()}
    proofs = chance.sample(
        [f"{h}{f}{s}" for h, f, s in itertools.product(words["holders"], words["facts"], words["forms"])],
        PROOFS,
    )
    matters = chance.sample(
        [f"{d}{t}{f}" for d, t, f in itertools.product(words["doings"], words["things"], words["for"])],
        MATTERS,
    )
    regions = Regions.load(_REGIONS)
    places = [regions.get(c) for c in regions.codes() if c.startswith("33")]
    # Few proofs and matters have many rows and many have few, as in real lists.
    proof_weights = list(itertools.accumulate((rank + 30) ** -0.7 for rank in range(PROOFS)))
    matter_weights = list(itertools.accumulate((rank + 30) ** -0.7 for rank in range(MATTERS)))
    made: list[Requirement] = []
    taken: set[tuple[str, str, str]] = set()
    while len(made) < count:
        proof = chance.choices(proofs, cum_weights=proof_weights)[0]
        matter = chance.choices(matters, cum_weights=matter_weights)[0]
        place = chance.choice(places)
        if (proof, matter, place.code) in taken:
            continue
        taken.add((proof, matter, place.code))
        status = chance.choices(list(_STATUSES), weights=list(_STATUSES.values()))[0]
        start = date(2018, 1, 1) + timedelta(days=chance.randrange(3000))
        made.append(
            Requirement(
                id=f"F{FIRST_ID + len(made)}",
                kind="proof",
                proof=proof,
                aliases=(proof.replace("证明", "证"), proof[-6:])[: chance.randrange(3)],
                matter=matter,
                sector=chance.choice(words["sectors"]),
                region_code=place.code,
                region=place.name,
                status=status,
                demanding_authority=f"{place.name}{chance.choice(words['offices'])}",
                issuing_authority=chance.choice(words["offices"]),
                legal_basis=f"合成数据，没有真实依据（第{chance.randrange(1, 400)}号样例）",
                replacement="合成数据：以窗口告知为准",
                data_source=chance.choice(("", "省公共数据平台（样例）")),
                source_title="合成数据，只用来测速度",
                source_date=start.isoformat(),
                source_kind="none",
                confidence="low",
                note="合成数据",
                valid_from=start.isoformat() if chance.random() < 0.7 else "",
                valid_until=(start + timedelta(days=3650)).isoformat() if chance.random() < 0.1 else "",
                checked_at="2026-01-05" if chance.random() < 0.5 else "",
                paths=tuple(PATHS.get(status, ())) if chance.random() < 0.3 else (),
                conditions=("本人在本地有户籍",) if chance.random() < 0.2 else (),
            )
        )
    return made
