"""Which channels staff have switched off, what citizens read meanwhile, and who switched it, when and why."""

from __future__ import annotations

import getpass
import json
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from .problems import Problem
from .shared_state import read_object, write_object
from .words import word

CHANNELS = ("web", "api", "wechat", "local")


@dataclass(frozen=True)
class Switch:
    """One setting of one channel, as it stands in the audit trail. `at` is local time, ISO 8601."""

    channel: str
    on: bool
    message: str
    comment: str
    by: str
    at: str


class Switches:
    """The switches that lie in a data folder; a change counts at once for every process that looks there."""

    def __init__(self, folder: Path):
        self._path = folder / "channels.json"
        self._audit = folder / "channels.audit.jsonl"
        self._read_at: tuple[int, int] | None = None
        self._held: dict[str, Switch] = {}

    def all(self) -> dict[str, Switch]:
        """Return the switches that were ever set, by channel."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return {}
        mark = (stat.st_mtime_ns, stat.st_ino)
        if mark != self._read_at:
            self._held = {name: Switch(**held) for name, held in read_object(self._path).items()}
            self._read_at = mark
        return self._held

    def check(self, channel: str) -> None:
        """Raise Problem 503 with the staff's message when `channel` is off."""
        switch = self.all().get(channel)
        if switch and not switch.on:
            raise Problem(503, "Channel off", switch.message, headers={"Retry-After": "600"})

    def set(self, channel: str, on: bool, comment: str, message: str = "", by: str = "") -> Switch:
        """Switch a channel and write down who did it and why.

        `message` is what citizens read while it is off, a standing notice if empty; `by` is this user if empty.
        Raises ValueError for an unknown channel or without a comment, OSError if the folder cannot be written.
        """
        if channel not in CHANNELS:
            raise ValueError(f"{channel!r} is no channel; there are {', '.join(CHANNELS)}")
        if not comment.strip():
            raise ValueError("a comment is needed: it goes into the audit trail")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        at = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        switch = Switch(
            channel, on, message or word("channel.switched_off"), comment.strip(), by or getpass.getuser(), at
        )
        with FileLock(self._path.with_suffix(".lock"), timeout=10):
            write_object(self._path, {**read_object(self._path), channel: vars(switch)})
            with self._audit.open("a", encoding="utf-8") as out:
                out.write(json.dumps(vars(switch), ensure_ascii=False) + "\n")
        return switch
