"""What several tests share: free ports, processes found by a mark in their environment, the running system, wire checks."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).with_name("mianzheng")
CARD_FIELDS = {
    "kind",
    "requirement_id",
    "proof",
    "matter",
    "region",
    "paths",
    "replacement",
    "demanding_authority",
    "issuing_authority",
    "legal_basis",
    "sources",
    "caution",
}  # fmt: skip
# One of these stands in what is said, whatever else the sentence is made of.
CONCLUSIONS = {
    "cancelled": ("不用交", "取消"),
    "data_sharing": ("不用您去开", "不用您开"),
    "verification": ("不用您去跑", "不用您跑"),
    "pledge": ("承诺",),
    "retained": ("需要", "还是要"),
    "wrong_issuer": ("不能再开", "不再开"),
    "held_document": ("带上",),
}


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for(check: Callable[[], Any], seconds: float, every: float = 0.2) -> Any:
    """Return the first true value of `check`, or its last value when the time is over."""
    until = time.monotonic() + seconds
    while True:
        value = check()
        if value or time.monotonic() > until:
            return value
        time.sleep(every)


def marked(mark: str) -> dict[int, str]:
    """Return the running processes that hold `mark` in their environment, with their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            if f"MIANZHENG_TEST_MARK={mark}".encode() not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            if (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                continue
            found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (OSError, IndexError):
            continue
    return found


def kill_marked(mark: str) -> None:
    """End for good whatever still carries `mark`: only processes that a test of ours started."""
    for pid in marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@dataclass
class Stack:
    """`mianzheng run` on ports of its own."""

    log: Path
    ports: tuple[int, int, int] = (0, 0, 0)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    process: subprocess.Popen[bytes] | None = None
    more: dict[str, str] = field(default_factory=dict)  # settings besides those of every test

    def __post_init__(self) -> None:
        if self.ports == (0, 0, 0):
            web, rasa, actions = free_ports(3)
            self.ports = (web, rasa, actions)
        self.http = httpx.Client(base_url=self.base, timeout=30, trust_env=False)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def casebook(self) -> Path:
        """The database in which this system keeps its cases, apart from those of the working copy."""
        return self.log.with_name("casebook.db")

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def environment(self) -> dict[str, str]:
        """Return the environment of a start: the caller's, with ports and mark of its own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MIANZHENG_")}
        kept |= {k: os.environ[k] for k in ("MIANZHENG_DATA", "MIANZHENG_MODELS") if k in os.environ}
        web, rasa, actions = map(str, self.ports)
        return {
            **kept,
            "MIANZHENG_PORT": web,
            "MIANZHENG_RASA_PORT": rasa,
            "MIANZHENG_ACTIONS_PORT": actions,
            "MIANZHENG_RATE": "100000/minute",
            "MIANZHENG_CASEBOOK_URL": f"sqlite:///{self.casebook}",
            "MIANZHENG_PERSON_RATE": "100000/minute",
            "MIANZHENG_TEST_MARK": self.mark,
            **self.more,
        }

    def start(self) -> None:
        """Start it in a session of its own, with everything it prints in the log."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [str(COMMAND), "run"],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def printed(self) -> str:
        """Return everything that was printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def tail(self, lines: int = 40) -> str:
        """Return the last lines that were printed."""
        return "\n".join(self.printed().splitlines()[-lines:])

    def health(self) -> dict[str, Any] | None:
        """Return what /api/health says, or None where nobody answers."""
        try:
            return self.http.get("/api/health", timeout=3).json()
        except (httpx.HTTPError, ValueError):
            return None

    def ok(self) -> bool:
        """Return whether a real question can be answered."""
        return (self.health() or {}).get("status") == "ok"

    def wait_until_ok(self, seconds: float) -> None:
        """Wait for status ok. Raises AssertionError with the end of the log if it does not come."""
        assert self.process
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with status {self.process.returncode}:\n{self.tail()}")
            if self.ok():
                return
            time.sleep(0.5)
        raise AssertionError(f"not ready after {seconds:.0f} s; health {self.health()}:\n{self.tail()}")

    def child(self, words: str) -> int:
        """Return the process id of the child whose command line holds `words`."""
        found = [pid for pid, line in marked(self.mark).items() if words in line]
        assert len(found) == 1, f"{words}: {marked(self.mark)}"
        return found[0]

    def chat(self, message: str | None = None, **fields: Any) -> dict[str, Any]:
        """Send one turn, return the reply. Raises httpx.HTTPStatusError for a problem document."""
        body = {"message": message, **fields} if message is not None else fields
        response = self.http.post("/api/chat", json=body)
        response.raise_for_status()
        return response.json()

    def send_form(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the chat page as a browser does: with the page's cookie and token."""
        found = re.search(r'name="csrf" value="(\w+)"', self.http.get("/").text)
        assert found, "the page has no form"
        return self.http.post(path, data={"csrf": found[1], **fields})

    def end(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        """Send a signal to the supervisor and return its exit status."""
        assert self.process
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def left(self, seconds: float = 5) -> dict[int, str]:
        """Return the processes of the group that are still there after `seconds`."""
        wait_for(lambda: not marked(self.mark), seconds)
        return marked(self.mark)


def bare(text: str) -> str:
    """Return `text` without spaces and punctuation."""
    return re.sub(r"[\s\W_]+", "", text)


def verdicts(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all verdicts of a reply in order."""
    return reply.get("verdicts") or ([reply["verdict"]] if reply["verdict"] else [])


def said(reply: dict[str, Any]) -> str:
    """Return all texts of a reply."""
    return "\n".join(r["text"] for r in reply["replies"])


def check_reply(reply: dict[str, Any]) -> None:
    """Assert what holds of every reply: the wire's fields, and words that say everything a card says."""
    from bot.answer import OUTCOMES

    needed = {"session_id", "message_id", "outcome", "intent", "slots", "replies", "verdict", "candidates", "form", "degraded"}  # fmt: skip
    assert needed <= set(reply), needed - set(reply)
    assert "context" not in reply, "internal state on the wire"
    assert reply["outcome"] in OUTCOMES
    assert reply["replies"] and all(r["text"].strip() for r in reply["replies"])
    assert all(b["title"] and b["payload"] for r in reply["replies"] for b in r["buttons"])
    assert bool(verdicts(reply)) == (reply["outcome"] == "answered"), reply["outcome"]
    text = bare(said(reply))
    for verdict in verdicts(reply):
        assert set(verdict) == CARD_FIELDS
        assert any(w in text for w in CONCLUSIONS[verdict["kind"]]), (
            f"no conclusion of {verdict['kind']}: {said(reply)}"
        )
        for name in ("replacement", "legal_basis"):
            assert bare(verdict[name]) in text, f"{name} is on the card and not in the words: {said(reply)}"
        for source in verdict["sources"]:
            assert bare(source["title"]) in text, f"the source is not in the words: {said(reply)}"
        if verdict["caution"]:
            assert bare(verdict["caution"]) in text, f"the caution is not in the words: {said(reply)}"
        assert verdict["region"]["name"] in text
    cards = [r["card"] for r in reply["replies"] if r["card"]]
    assert [c["requirement_id"] for c in cards] == [v["requirement_id"] for v in verdicts(reply)]
    json.dumps(reply, ensure_ascii=False).encode()
