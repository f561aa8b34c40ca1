"""Fixtures for all tests, and the order they run in: units, the running system, a fresh clone."""

from __future__ import annotations

import dataclasses
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in the running system, and before NumPy is loaded

from collections.abc import Iterator
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from bot.models import prepare_catalogue
from bot.settings import Settings, read_settings
from proof_catalogue.store import Catalogue, open_default

from .bot.paths.support import SECRET, Platform
from .identities import BARRED, UNKNOWN_TO_PLATFORM
from .support import ROOT, Stack, free_ports, kill_marked

hypothesis_settings.register_profile(
    "mianzheng",
    deadline=None,
    max_examples=80,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
hypothesis_settings.load_profile("mianzheng")
START_LIMIT = 600  # seconds for a start that builds the catalogue and trains
_ORDER = {"fresh_clone": 3, "browser": 1, "stack": 1}
# Of several workers one begins with a fresh clone, whose model the system of the other tests then need not train.
_ORDER_AT_ONCE = {3: 0, 1: 1, 0: 2}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run units first, then what uses the running system, its destructive tests last, then the fresh clone; of several workers
    one runs the fresh clone and what uses the running system, the others whole files."""
    at_once = hasattr(config, "workerinput")

    def rank(item: pytest.Item) -> tuple[int, int]:
        marks = {m.name for m in item.iter_markers()}
        own = max((_ORDER[m] for m in marks if m in _ORDER), default=0)
        return _ORDER_AT_ONCE[own] if at_once else own, item.path.name == "test_stack.py"

    items.sort(key=rank)
    for item in items:
        if item.get_closest_marker("stack") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(START_LIMIT + 300))  # the first one waits for the start
    for item in items if at_once else ():
        own = item.get_closest_marker("stack") or item.get_closest_marker("fresh_clone")
        item.add_marker(pytest.mark.xdist_group("stack" if own else str(item.path.relative_to(ROOT))))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests measured, whichever process they ran in."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of a system in this working copy, its Rasa port closed, its casebook a new one."""
    casebook = tmp_path_factory.mktemp("casebook") / "casebook.db"
    return dataclasses.replace(
        read_settings(),
        rasa_port=free_ports(1)[0],
        rate="100000/minute",
        person_rate="100000/minute",
        casebook_url_given=f"sqlite:///{casebook}",
    )


@pytest.fixture(scope="session")
def catalogue(here: Settings) -> Catalogue:
    """The shipped catalogue, built where its data has changed."""
    os.chdir(ROOT)
    here.data.mkdir(parents=True, exist_ok=True)
    with FileLock(here.data / "tests.lock"):  # a publication is waited for, however long another worker takes
        prepare_catalogue(here)
    return open_default()  # the very one that actions and Rasa's components open


def standing(asked: dict[str, Any]) -> Any:
    """Return what the credit platform of the tests says: one person is barred, for one it is down."""
    if asked["id_number"] == UNKNOWN_TO_PLATFORM:
        return 503, {}, 0.0
    if asked["id_number"] == BARRED:
        return {"handling": "refused", "reason": "曾作虚假承诺。", "source": "某某局2026年认定"}
    return {"handling": "normal"}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Iterator[Stack]:
    """The whole system, started as an operator starts it, with a credit platform beside it; it must end without leaving a
    process behind."""
    platform = Platform(standing)
    running = Stack(tmp_path_factory.mktemp("stack") / "run.log")
    running.more = {"MIANZHENG_CREDIT_URL": platform.url, "MIANZHENG_CREDIT_SECRET": SECRET}
    running.start()
    try:
        running.wait_until_ok(START_LIMIT)
        yield running
        assert running.process and running.process.poll() is None, f"it died:\n{running.tail()}"
        status = running.end()
        assert status == 0, f"TERM gave exit status {status}:\n{running.tail()}"
        assert not running.left(), f"processes are left: {running.left()}"
    finally:
        platform.close()
        kill_marked(running.mark)
        if running.process:
            running.process.wait(10)
