"""Milliseconds that understanding one message takes: Rasa's NLU pipeline alone, in this process, on one core.

usage: benchmarks/understanding_speed.py [--count N]; `mianzheng train` first, and little else on the machine.
Prints wall and processor time of the whole pipeline, and the wall time of each component.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3", LOG_LEVEL="ERROR")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse
import asyncio
import logging
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from bot.models import model_path
from bot.settings import read_settings
from nlu.evaluation import questions

WARM = 20  # messages before the clock runs


def timed(work: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Return `work` made to note the milliseconds of each call in `spent`."""

    def run(*arguments: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        made = work(*arguments, **named)
        spent.append((time.perf_counter() - begun) * 1000)
        return made

    return run


def percentile(times: list[float], share: float) -> float:
    """Return the value below which `share` of `times` lie."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=886)
    count = parser.parse_args().count
    warnings.showwarning = lambda *args, **kwargs: None
    from rasa.core.agent import Agent
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.ERROR)
    agent = Agent.load(str(model_path(read_settings())))
    assert agent.processor
    spent: dict[str, list[float]] = defaultdict(list)
    for name, node in agent.processor.graph_runner._instantiated_nodes.items():  # Rasa has no public way
        if node._fn_name == "process":
            node._fn = timed(node._fn, spent[name.removeprefix("run_")])
    texts = [q["text"] for q in questions()][:count]
    wall: list[float] = []
    processor: list[float] = []

    async def ask() -> None:
        for number, text in enumerate([*texts[:WARM], *texts]):
            begun, used = time.perf_counter(), time.process_time()
            await agent.parse_message(text)
            if number >= WARM:
                wall.append((time.perf_counter() - begun) * 1000)
                processor.append((time.process_time() - used) * 1000)

    asyncio.run(ask())
    print(f"{len(wall)} messages of the evaluation sets, one core")
    for name, times in (("wall", wall), ("processor", processor)):
        print(
            f"{name:10} median {statistics.median(times):6.2f} ms   95th percentile {percentile(times, 0.95):6.2f} ms   most {max(times):6.2f} ms"
        )
    for name, times in spent.items():
        print(f"  {name:48} median {statistics.median(times[WARM:]):6.2f} ms")


if __name__ == "__main__":
    main()
