"""How fast staff see their lists when the casebook holds many cases. usage: benchmarks/casebook.py [CASES]

Fills a fresh casebook (SQLite, or the empty PostgreSQL database at MIANZHENG_CASEBOOK_URL) and prints milliseconds.
"""

from __future__ import annotations

import dataclasses
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bot.casebook.casebook import Casebook, CaseFilter, open_casebook
from bot.casebook.sealing import new_key
from bot.settings import read_settings
from proof_catalogue.requirement import read_requirements

ROUNDS = 200
REGIONS = ["330106", "330110", "330203", "330304", "330502", "330702", "331002"]
STATES = ["draft", "submitted", "decided", "withdrawn"]


def fill(book: Casebook, cases: int, chance: random.Random) -> None:
    """Put pledges of many people into the casebook, with every seal, as the chat would."""
    from sqlalchemy import insert

    from bot.casebook import tables

    rows = read_requirements(Path("catalogue/data/requirements.jsonl"))
    notice = {"version": "1", "elements": [{"title": "证明内容", "text": "要证明的情况" * 20}] * 7}
    inner = book._book
    with inner.writing() as connection:
        for number in range(cases):
            row, reference = chance.choice(rows), f"CN261123-{number:06d}"
            fields = {
                "name": f"张{number}",
                "id_number": f"33010619900101{number % 10000:04d}",
                "facts": "属实" * 40,
            }
            at = inner.now()
            connection.execute(
                insert(tables.pledges).values(
                    reference=reference,
                    owner=f"owner{number}",
                    region=chance.choice(REGIONS),
                    state=chance.choice(STATES),
                    sealed=inner.sealer.seal_fields(fields, inner.place(tables.pledges, reference)),
                    created_at=at,
                    updated_at=at,
                    requirement_id=row.id,
                    requirement=row.json(),
                    notice=notice,
                    filled=list(fields),
                    handling="normal",
                    degraded=False,
                    id_hash=inner.sealer.lookup(fields["id_number"]),
                    version=1,
                )
            )


def measure(name: str, call: Callable[[], object]) -> None:
    """Print the median, the 95th percentile and the worst of many calls."""
    call()
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        took.append((time.perf_counter() - start) * 1000)
    took.sort()
    print(
        f"{name:34} p50 {statistics.median(took):6.1f}  p95 {took[int(ROUNDS * 0.95)]:6.1f}  max {took[-1]:6.1f} ms"
    )


def main() -> None:
    """Fill, then measure each list of the desk and the writes of the chat."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        settings = dataclasses.replace(read_settings(), data=Path(folder), casebook_keys=(new_key(),))
        book = open_casebook(settings)
        start = time.perf_counter()
        fill(book, cases, chance)
        print(
            f"{cases} pledges in {time.perf_counter() - start:.0f} s, {settings.casebook_url.split(':')[0]}"
        )
        last = cases // 50
        measure("first page", lambda: book.pledges.page())
        measure("random page", lambda: book.pledges.page(number=chance.randint(1, last)))
        measure("last page", lambda: book.pledges.page(number=last))
        measure("one state", lambda: book.pledges.page(CaseFilter(state=chance.choice(STATES))))
        measure(
            "one state of one city",
            lambda: book.pledges.page(
                CaseFilter(state="submitted", region=chance.choice(REGIONS)[:4] + "00")
            ),
        )
        measure(
            "one person by id number",
            lambda: book.pledges.page(CaseFilter(id_number=f"33010619900101{chance.randint(0, 9999):04d}")),
        )
        draft = book.pledges.start("measured", {"id": "F169", "proof": "", "matter": ""}, "330106", {})
        measure(
            "one confirmed answer, on disk", lambda: book.pledges.set_field(draft.reference, "facts", "属实")
        )
        book.close()


if __name__ == "__main__":
    main()
