"""Settings, read from the environment once, at start."""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from limits import parse

ROOT = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names it."""


@dataclass(frozen=True)
class WeChatSettings:
    """The Official Account; without a token the channel is not there."""

    token: str = ""
    app_id: str = ""
    aes_key: str = ""  # 43 characters; empty: messages come in the plain
    app_secret: str = ""  # empty: no call to the platform is made
    api_base: str = "https://api.weixin.qq.com"


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
    person_rate: str = "240/minute"  # limits per conversation, in the same notation
    redis_url: str = ""  # shared by several web processes; empty: this process's memory
    public_url: str = ""  # where citizens reach the page, for links in channels that cannot show it
    wechat: WeChatSettings = WeChatSettings()

    @property
    def catalogue(self) -> Path:
        return self.data / "catalogue.db"

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


def _rate(name: str, default: str) -> str:
    text = os.environ.get(name) or default
    try:
        usable = parse(text).amount > 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"{name} is {text!r}, not a rate such as {default}")
    return text


def _address(name: str, default: str, schemes: tuple[str, ...]) -> str:
    text = (os.environ.get(name) or default).rstrip("/")
    try:
        parts = urlsplit(text)
        good = not text or (parts.scheme in schemes and bool(parts.hostname or parts.scheme == "unix"))
    except ValueError:
        good = False
    if not good:
        raise SettingsError(f"{name} is not an address that begins with {' or '.join(schemes)}://")
    return text


def _wechat() -> WeChatSettings:
    def own(name: str) -> str:
        return (os.environ.get(f"MIANZHENG_WECHAT_{name}") or "").strip()

    token, app_id, aes_key = own("TOKEN"), own("APP_ID"), own("AES_KEY")
    if (aes_key or own("APP_SECRET")) and not app_id:
        raise SettingsError("MIANZHENG_WECHAT_APP_ID is needed with an AES key or an app secret")
    if aes_key:
        try:
            good = (
                bool(re.fullmatch(r"[A-Za-z0-9+/]{43}", aes_key))
                and len(base64.b64decode(aes_key + "=")) == 32
            )
        except binascii.Error:
            good = False
        if not good:
            # The key itself stays out of the message: it is a secret.
            raise SettingsError("MIANZHENG_WECHAT_AES_KEY is not the platform's key of 43 characters")
    base = _address("MIANZHENG_WECHAT_API_BASE", WeChatSettings.api_base, ("http", "https"))
    return WeChatSettings(token, app_id, aes_key, own("APP_SECRET"), base)


def read_settings() -> Settings:
    """Return the settings of this process. Raises SettingsError on a value that cannot be used."""
    port = _port("MIANZHENG_PORT", 8080)
    rasa_port, actions_port = _port("MIANZHENG_RASA_PORT", 5005), _port("MIANZHENG_ACTIONS_PORT", 5055)
    if len({port, rasa_port, actions_port}) < 3:
        raise SettingsError(
            "MIANZHENG_PORT, MIANZHENG_RASA_PORT and MIANZHENG_ACTIONS_PORT must be three different ports"
        )
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
        rate=_rate("MIANZHENG_RATE", "1200/minute"),
        trusted_proxies=tuple(p.strip() for p in proxies.split(",") if p.strip()),
        person_rate=_rate("MIANZHENG_PERSON_RATE", Settings.person_rate),
        redis_url=_address("MIANZHENG_REDIS_URL", "", ("redis", "rediss", "unix")),
        public_url=_address("MIANZHENG_PUBLIC_URL", "", ("https", "http")),
        wechat=_wechat(),
    )
