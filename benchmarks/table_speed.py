"""Seconds and memory for writing and reading made-up rows as JSONL, CSV and XLSX, each in a process of its own.

usage: benchmarks/table_speed.py [--count N]; little else should run on the machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import synthetic

from proof_catalogue.difference import difference
from proof_catalogue.regions import Regions
from proof_catalogue.tables import FORMATS, read_table, write_table

_REGIONS = Path(__file__).resolve().parent.parent / "catalogue" / "data" / "regions.csv"


def _timed(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
    started, used = time.perf_counter(), time.process_time()
    made = call(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, busy = time.perf_counter() - started, time.process_time() - used
    print(f"{name:18} {seconds:6.1f} s ({busy:5.1f} s of processor), at most {peak:5.0f} MiB", flush=True)
    return made


def write(count: int, path: Path, format: str) -> None:
    """Write `count` rows to `path` and print what it took, the rows themselves held in memory."""
    rows = synthetic.rows(count)
    _timed(f"write {format}", write_table, rows, path, format)
    print(f"{'':18} {path.stat().st_size / 2**20:6.1f} MiB")


def read(count: int, path: Path, format: str) -> None:
    """Read `path`, compare it with an empty catalogue and with itself, and print what each took."""
    table = _timed(f"read {format}", read_table, path, Regions.load(_REGIONS))
    assert not table.faults and len(table.rows) == count
    made = _timed("difference, new", difference, {}, table.rows)
    rows = made.after({})
    same = _timed("difference, same", difference, rows, table.rows)
    assert same.unchanged == count


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        for format in FORMATS:
            for step in (write, read):
                process = multiprocessing.get_context("spawn").Process(
                    target=step, args=(count, Path(folder) / f"rows.{format}", format)
                )
                process.start()
                process.join()
                if process.exitcode:
                    raise SystemExit(process.exitcode)


if __name__ == "__main__":
    main()
