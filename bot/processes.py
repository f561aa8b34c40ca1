"""Runs Rasa, the action server and the web process as one group: restarts what dies, ends all together."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from .models import SECRETS, child_environment, write_endpoints
from .settings import ROOT, Settings

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
STEADY = 60.0  # seconds after which a child counts as well again
GRACE = 8.0  # seconds that children get to end by themselves


class StartError(Exception):
    """The system cannot start; the message says why in one sentence."""


def _die_with_parent() -> None:
    # Linux: if this process is killed outright, the children must not live on as orphans.
    with contextlib.suppress(OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@dataclass
class Child:
    """One process of the group."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    delay: float = FIRST_DELAY
    started: float = 0.0
    retry_at: float = field(default=0.0)

    def start(self) -> None:
        """Start it, in a process group of its own so that a Ctrl-C reaches only the parent."""
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self.started = time.monotonic()
        self.retry_at = 0.0

    def signal(self, number: int) -> None:
        """Send a signal to the child and whatever it started itself."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def check_port(host: str, port: int, name: str) -> None:
    """Raise StartError if nothing can listen on host:port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(
                f"port {port} on {host} is taken or not allowed ({error.strerror}); set {name} to another."
            ) from None


def children(settings: Settings, model: Path) -> list[Child]:
    """Return the three processes, not yet started."""
    environment = child_environment(settings)
    web = {k: v for k, v in environment.items() if k not in ("LOG_LEVEL", "LOG_LEVEL_LIBRARIES")}
    web |= {k: os.environ[k] for k in SECRETS if k in os.environ}
    rasa = [
        sys.executable,
        "-m",
        "bot.rasa_process",
        "run",
        "--model",
        str(model),
        "--port",
        str(settings.rasa_port),
    ]
    rasa += [
        "--interface",
        "127.0.0.1",
        "--endpoints",
        str(write_endpoints(settings)),
        "--credentials",
        "credentials.yml",
    ]
    actions = [sys.executable, "-m", "bot.actions_process"]
    return [
        Child("action server", actions, {**environment, "SANIC_HOST": "127.0.0.1"}),
        Child("rasa", rasa, environment),
        Child("web", [sys.executable, "-m", "connectors.serve"], web),
    ]


def _healthy(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{host}:{settings.port}/api/health", timeout=2) as response:
            return json.load(response)["status"] == "ok"
    except (OSError, ValueError, KeyError):
        return False


def supervise(settings: Settings, model: Path) -> int:
    """Run the group until a signal ends it; returns the exit status. Raises StartError if a port is taken."""
    for host, port, name in (
        (settings.host, settings.port, "MIANZHENG_PORT"),
        ("127.0.0.1", settings.rasa_port, "MIANZHENG_RASA_PORT"),
        ("127.0.0.1", settings.actions_port, "MIANZHENG_ACTIONS_PORT"),
    ):
        check_port(host, port, name)
    group = children(settings, model)
    ending: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _frame: ending.append(n))
    print("· starting Rasa, the action server and the web process (about half a minute)", flush=True)
    begun, said = time.monotonic(), False
    try:
        for child in group:
            child.start()
        while not ending:
            for child in group:
                _keep(child)
            if not said and _healthy(settings):
                said = True
                print(
                    f"· ready after {time.monotonic() - begun:.0f} s: http://{settings.host}:{settings.port}/  (Ctrl-C ends it)",
                    flush=True,
                )
            time.sleep(0.3)
    finally:
        _end(group)
    return 0


def _keep(child: Child) -> None:
    """Restart a child that died, after a delay that doubles while it keeps dying."""
    now = time.monotonic()
    if child.process is not None and child.process.poll() is not None and not child.retry_at:
        if now - child.started > STEADY:
            child.delay = FIRST_DELAY
        print(
            f"· the {child.name} process ended with status {child.process.returncode}; again in {child.delay:.0f} s",
            file=sys.stderr,
            flush=True,
        )
        child.retry_at = now + child.delay
        child.delay = min(LONGEST_DELAY, child.delay * 2)
    elif child.retry_at and now >= child.retry_at:
        child.start()


def _end(group: list[Child]) -> None:
    for child in group:
        child.signal(signal.SIGTERM)
    until = time.monotonic() + GRACE
    for child in group:
        if child.process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, until - time.monotonic()))
    for child in group:
        child.signal(signal.SIGKILL)
        if child.process:
            child.process.wait()
