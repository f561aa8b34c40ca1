"""Settings, read from the environment once, at start."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from limits import parse

ROOT = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


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
    casebook_keys: tuple[str, ...] = field(default=(), repr=False)  # newest first; empty: the key file
    casebook_url_given: str = field(default="", repr=False)  # empty: SQLite below `data`
    public_base_given: str = ""  # empty: where this process listens
    credit_url: str = ""  # empty: the local list
    credit_secret: str = field(default="", repr=False)
    shared_data_url: str = ""  # empty: answers from the catalogue
    shared_data_secret: str = field(default="", repr=False)

    @property
    def casebook_url(self) -> str:
        """The casebook's database, as an SQLAlchemy URL."""
        return self.casebook_url_given or f"sqlite:///{self.data / 'casebook.db'}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine is served and holds the casebook."""
        return self.host in LOOPBACK and self.casebook_url.startswith("sqlite:")

    @property
    def public_base(self) -> str:
        """The address that citizens reach, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_base_given or f"http://{host}:{self.port}"

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


def _address(name: str) -> str:
    text = (os.environ.get(name) or "").rstrip("/")
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise SettingsError(f"{name} is {text!r}, not an http address")
    return text


def _service(name: str) -> tuple[str, str]:
    """Return a service's address and the secret that requests to it are signed with."""
    setting = f"MIANZHENG_{name}_URL"
    url, secret = _address(setting), os.environ.get(f"MIANZHENG_{name}_SECRET") or ""
    parts = urlsplit(url)
    if url and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise SettingsError(f"{setting} must be https: what is sent there is personal")
    if url and len(secret) < 16:
        raise SettingsError(
            f"MIANZHENG_{name}_SECRET must have at least 16 characters where {setting} is set"
        )
    return url, secret


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
    casebook = os.environ.get("MIANZHENG_CASEBOOK_URL") or ""
    if casebook and not casebook.startswith(("sqlite:", "postgresql:", "postgresql+psycopg2:")):
        raise SettingsError("MIANZHENG_CASEBOOK_URL must begin with sqlite: or postgresql:")
    keys = os.environ.get("MIANZHENG_CASEBOOK_KEY", "")
    credit_url, credit_secret = _service("CREDIT")
    shared_data_url, shared_data_secret = _service("SHARED_DATA")
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
        casebook_keys=tuple(k.strip() for k in keys.split(",") if k.strip()),
        casebook_url_given=casebook,
        public_base_given=_address("MIANZHENG_PUBLIC_BASE"),
        credit_url=credit_url,
        credit_secret=credit_secret,
        shared_data_url=shared_data_url,
        shared_data_secret=shared_data_secret,
    )
