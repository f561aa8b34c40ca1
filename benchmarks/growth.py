"""How the catalogue grows from 362 to 100,000 rows: import, publication, cold open, decide, lookup.

Run from the root: `.venv/bin/python benchmarks/growth.py [--rows 362 5000 100000] [--format csv]`. Each size in a process of
its own, so that its peak of memory is its own. Encoding meaning takes about 15–30 ms a wording and core and goes on after
publication (`mianzheng catalogue encode`); here the rows that are looked up are encoded, and vectors of the right number and about
the right nearness are made up for the others. Lookups are measured three times: with the names in full, which need no encoder,
with a character of the matter dropped, which do, and as the evaluation's lookups type them. `cpu` is the processor time of this process, for when others work beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Kinds of lookup, and characters of the matter that are left out.
DROPPED = (("by name", 0), ("by meaning", 1))
ROOT = Path(__file__).resolve().parent.parent
COLD = """
import sys, time
started, worked = time.perf_counter(), time.process_time()
from pathlib import Path
from proof_catalogue.editions import Editions
from proof_catalogue.store import open_edition
from proof_catalogue.decide import decide, named
held, _ = open_edition(Editions(Path(sys.argv[1])))
imported = time.perf_counter()
decision = decide(held, named(held, sys.argv[2], sys.argv[3], sys.argv[4]))
print(time.perf_counter() - started, time.process_time() - worked, decision.kind)
"""


def milliseconds(times: list[float]) -> dict[str, float]:
    """Return median, 95th percentile and greatest of `times` (seconds)."""
    ordered = sorted(times)
    return {
        "median": round(ordered[len(ordered) // 2] * 1000, 2),
        "p95": round(ordered[int(len(ordered) * 0.95)] * 1000, 2),
        "most": round(ordered[-1] * 1000, 2),
    }


def queries(rows: list[Any], drop: int) -> list[str]:
    """Return a question for each of `rows` with its names in full, but for `drop` characters in the middle of the matter."""
    halves = [(r, len(r.matter) // 2) for r in rows]
    return [f"{r.matter[:half]}{r.matter[half + drop :]}要{r.short_proof}吗" for r, half in halves]


def measure(count: int, format: str) -> dict[str, object]:
    """Return the figures of one size."""
    sys.path[:0] = [str(ROOT), str(ROOT / "catalogue")]
    import numpy as np

    from benchmarks.synthetic import rows as made_up
    from nlu.evaluation import lookups
    from proof_catalogue import editions as module
    from proof_catalogue.decide import decide, named
    from proof_catalogue.difference import difference
    from proof_catalogue.editions import Editions, wordings
    from proof_catalogue.meaning import WIDTH, MeaningIndex, encode
    from proof_catalogue.search import search
    from proof_catalogue.store import DATA, open_edition
    from proof_catalogue.tables import read_table, write_table

    module.ENCODE_AT_ONCE = 0
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        editions = Editions(data)
        editions.install(DATA)
        shipped = editions.draft()
        rows = [
            dataclasses.replace(r, valid_from="", valid_until="")
            for r in made_up(max(0, count - len(shipped.rows)))
        ]
        figures: dict[str, object] = {"rows": count}
        if rows:
            file = data / f"list.{format}"
            write_table(rows, file, format)
            figures["file MiB"] = round(file.stat().st_size / 2**20, 1)
            started, worked = time.perf_counter(), time.process_time()
            table = read_table(file, shipped.regions)
            assert not table.faults, table.faults[:3]
            read = time.perf_counter()
            found = difference({r.id: r for r in shipped.rows}, table.rows, used=editions.used_ids())
            editions.change("benchmark", rows=[c.after for c in found.added], origin=file.name)
            del table, found
            stored = time.perf_counter()
            edition = editions.publish("benchmark", "growth")
            figures["read s"] = round(read - started, 1)
            figures["store s"] = round(stored - read, 1)
            figures["publish s"] = round(time.perf_counter() - stored, 1)
            figures["import in all s"] = round(time.perf_counter() - started, 1)
            figures["import in all cpu s"] = round(time.process_time() - worked, 1)
        else:
            edition = editions.get()
        figures["peak MiB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        figures["edition MiB"] = round(editions.file(edition).stat().st_size / 2**20, 1)

        everything = [*shipped.rows, *rows]
        cold = []
        for _ in range(3):
            row = chance.choice(everything)
            command = [sys.executable, "-c", COLD, str(data), row.short_proof, row.matter, row.region_code]
            environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'catalogue'}"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            cold.append(tuple(map(float, done.stdout.split()[:2])))
        figures["cold open s"], figures["cold open cpu s"] = (round(t, 2) for t in sorted(cold)[1])

        looked_up = [chance.choice(everything) for _ in range(220)]
        pairs = wordings(everything, [])
        texts = list(dict.fromkeys(w for _, w in pairs))
        at = {t: i for i, t in enumerate(texts)}
        own = list(dict.fromkeys(w for _, w in wordings(looked_up, [])))
        known = encode(own)
        # Vectors of this encoder all lie in about one direction: two that have nothing to do with each other have a cosine of 0.8.
        vectors = np.random.default_rng(7).standard_normal((len(texts), WIDTH)).astype(np.float32)
        vectors *= 0.45 / np.sqrt(WIDTH)
        vectors += known.mean(axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors[[at[w] for w in own]] = known
        digests = np.array([str(i).encode() for i in range(len(texts))], dtype="S12")
        index = MeaningIndex([k for k, _ in pairs], np.array([at[w] for _, w in pairs]), digests, vectors)
        index.save(editions.file(edition).with_suffix(".npz"))
        figures["vectors"] = len(texts)
        held, _ = open_edition(editions)
        times, cpu = [], []
        answered = 0
        for number in range(600):
            row = chance.choice(everything)
            region = row.region_code if number % 10 else None
            started, worked = time.perf_counter(), time.process_time()
            decision = decide(held, named(held, row.short_proof, row.matter, region))
            if number >= 100:
                times.append(time.perf_counter() - started)
                cpu.append(time.process_time() - worked)
                answered += decision.kind == "answer"
        figures["decide ms"] = milliseconds(times)
        figures["decide cpu ms"] = milliseconds(cpu)
        figures["decide answered"] = f"{answered}/{len(times)}"
        started = time.perf_counter()
        held.warm()
        figures["warm-up s"] = round(time.perf_counter() - started, 1)
        places = [row.region_code if number % 5 else None for number, row in enumerate(looked_up)]
        wanted = [(row.proof, row.matter) for row in looked_up]
        asked = chance.sample([i for i in lookups() if i["kind"] != "faq"], len(looked_up))
        kinds: list[tuple[str, list[tuple[str, str | None]]]] = [
            ("as typed", [(i["q"], i.get("region")) for i in asked]),
            *((how, list(zip(queries(looked_up, drop), places, strict=True))) for how, drop in DROPPED),
        ]
        for how, made in kinds:
            times, cpu, first = [], [], 0
            for number, (query, region) in enumerate(made):
                started, worked = time.perf_counter(), time.process_time()
                hits = search(held, query, region)
                if number >= 20:
                    times.append(time.perf_counter() - started)
                    cpu.append(time.process_time() - worked)
                    first += bool(hits) and (hits[0].row.proof, hits[0].row.matter) == wanted[number]
            figures[f"lookup {how} ms"] = milliseconds(times)
            figures[f"lookup {how} cpu ms"] = milliseconds(cpu)
            if how != "as typed":  # other rows of a hundred thousand may well fit those better
                figures[f"lookup {how} first"] = f"{first}/{len(times)}"
        figures["peak with lookups MiB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return figures


def main() -> None:
    """Measure each size in a process of its own and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[362, 5000, 20000, 100000])
    parser.add_argument("--format", default="csv", choices=["csv", "xlsx", "jsonl"])
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.here:
        print(json.dumps(measure(wanted.rows[0], wanted.format), ensure_ascii=False))
        return
    for count in wanted.rows:
        command = [sys.executable, __file__, "--here", "--format", wanted.format, "--rows", str(count)]
        print(
            subprocess.run(command, check=True, capture_output=True, text=True)
            .stdout.strip()
            .splitlines()[-1],
            flush=True,
        )


if __name__ == "__main__":
    main()
