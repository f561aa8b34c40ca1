"""Median and 95th percentile of POST /api/chat for questions in sequence, and the memory of the three processes.

usage: benchmarks/chat_latency.py [--base URL] [--count N]; the system has to be running, and little else on the machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time

import httpx

from nlu.evaluation import questions


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="http://127.0.0.1:8080")
    parser.add_argument("--count", type=int, default=200)
    arguments = parser.parse_args()
    texts = [q["text"] for q in questions()][: arguments.count]
    times: list[float] = []
    degraded = 0
    with httpx.Client(base_url=arguments.base, timeout=30, trust_env=False) as client:
        client.post(
            "/api/chat", json={"session_id": None, "message": "你好", "region": None}
        ).raise_for_status()
        for text in texts:
            started = time.perf_counter()
            reply = client.post("/api/chat", json={"session_id": None, "message": text, "region": None})
            times.append((time.perf_counter() - started) * 1000)
            degraded += reply.json()["degraded"]
    times.sort()
    print(f"{len(times)} questions in sequence, {degraded} degraded")
    print(
        f"median {statistics.median(times):.1f} ms, 95th percentile {times[int(len(times) * 0.95)]:.1f} ms, most {times[-1]:.1f} ms"
    )
    listing = subprocess.run(["ps", "-eo", "rss,args"], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        size, _, command = line.strip().partition(" ")
        for module in ("bot.rasa_process", "bot.actions_process", "connectors.serve"):
            if f"-m {module}" in command:
                print(f"{module:22} {int(size) / 1024:.0f} MiB resident")


if __name__ == "__main__":
    main()
