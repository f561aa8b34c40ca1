"""Settings, read from the environment once, at start."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from limits import parse

ROOT = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names it."""


@dataclass(frozen=True)
class Settings:
    """Where things lie and listen. Every address but the web process's is on loopback and cannot be changed."""

    host: str
    port: int
    rasa_port: int
    actions_port: int
    data: Path
    models: Path
    deadline: float  # seconds that one message may take in Rasa before the catalogue answers directly
    rate: str  # limits per address, in the notation of the `limits` package
    trusted_proxies: tuple[str, ...]

    @property
    def dictionary(self) -> Path:
        return self.data / "dictionary"

    @property
    def rasa_url(self) -> str:
        return f"http://127.0.0.1:{self.rasa_port}"

    @property
    def actions_url(self) -> str:
        return f"http://127.0.0.1:{self.actions_port}"


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise SettingsError(f"{name} is {text!r}, not a port number")
    return int(text)


def read_settings() -> Settings:
    """Return the settings of this process. Raises SettingsError on a value that cannot be used."""
    port = _port("MIANZHENG_PORT", 8080)
    rasa_port, actions_port = _port("MIANZHENG_RASA_PORT", 5005), _port("MIANZHENG_ACTIONS_PORT", 5055)
    if len({port, rasa_port, actions_port}) < 3:
        raise SettingsError(
            "MIANZHENG_PORT, MIANZHENG_RASA_PORT and MIANZHENG_ACTIONS_PORT must be three different ports"
        )
    rate = os.environ.get("MIANZHENG_RATE") or "1200/minute"
    try:
        usable = parse(rate).amount > 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"MIANZHENG_RATE is {rate!r}, not a rate such as 1200/minute")
    deadline = os.environ.get("MIANZHENG_DEADLINE") or "4.0"
    try:
        seconds = float(deadline)
    except ValueError:
        raise SettingsError(f"MIANZHENG_DEADLINE is {deadline!r}, not a number of seconds") from None
    if not 0.1 <= seconds <= 60:
        raise SettingsError(f"MIANZHENG_DEADLINE is {deadline!r}, not between 0.1 and 60 seconds")
    proxies = os.environ.get("MIANZHENG_TRUSTED_PROXIES", "")
    return Settings(
        host=os.environ.get("MIANZHENG_HOST") or "127.0.0.1",
        port=port,
        rasa_port=rasa_port,
        actions_port=actions_port,
        data=Path(os.environ.get("MIANZHENG_DATA") or ROOT / "var").resolve(),
        models=Path(os.environ.get("MIANZHENG_MODELS") or ROOT / "models").resolve(),
        deadline=seconds,
        rate=rate,
        trusted_proxies=tuple(p.strip() for p in proxies.split(",") if p.strip()),
    )
