"""Settings, read from the environment once, at start."""

from __future__ import annotations

import base64
import binascii
import os
import re
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
    casebook_keys: tuple[str, ...] = field(default=(), repr=False)  # newest first; empty: the key file
    casebook_url_given: str = field(default="", repr=False)  # empty: SQLite below `data`
    credit_url: str = ""  # empty: the local list
    credit_secret: str = field(default="", repr=False)
    shared_data_url: str = ""  # empty: answers from the catalogue
    shared_data_secret: str = field(default="", repr=False)
    notify_url: str = ""  # empty: notifications wait for the desk
    notify_secret: str = field(default="", repr=False)
    person_rate: str = "240/minute"  # limits per conversation, in the same notation
    redis_url: str = ""  # shared by several web processes; empty: this process's memory
    public_url: str = ""  # where citizens reach the page; empty: where this process listens
    embed_origins: tuple[str, ...] = ()  # portals that may show the chat page in a frame
    wechat: WeChatSettings = WeChatSettings()

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
        return self.public_url or f"http://{host}:{self.port}"

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


def _service(name: str) -> tuple[str, str]:
    """Return a service's address and the secret that requests to it are signed with."""
    setting = f"MIANZHENG_{name}_URL"
    url, secret = _address(setting, "", ("http", "https")), os.environ.get(f"MIANZHENG_{name}_SECRET") or ""
    parts = urlsplit(url)
    if url and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise SettingsError(f"{setting} must be https: what is sent there is personal")
    if url and len(secret) < 16:
        raise SettingsError(
            f"MIANZHENG_{name}_SECRET must have at least 16 characters where {setting} is set"
        )
    return url, secret


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


def _origins(name: str) -> tuple[str, ...]:
    """Return origins, each written exactly as browsers write it: they stand in a header as they are."""
    found = tuple(o.strip() for o in os.environ.get(name, "").split(",") if o.strip())
    for text in found:
        match = re.fullmatch(r"(https?)://([a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[1-9][0-9]{0,4})?", text)
        if not match or ".." in text or (match[1] == "http" and match[2] not in LOOPBACK):
            raise SettingsError(
                f"{name} holds {text!r}, not an origin such as https://portal.example (https, small letters, no path)"
            )
    return found


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
    casebook = os.environ.get("MIANZHENG_CASEBOOK_URL") or ""
    if casebook and not casebook.startswith(("sqlite:", "postgresql:", "postgresql+psycopg2:")):
        raise SettingsError("MIANZHENG_CASEBOOK_URL must begin with sqlite: or postgresql:")
    keys = os.environ.get("MIANZHENG_CASEBOOK_KEY", "")
    credit_url, credit_secret = _service("CREDIT")
    shared_data_url, shared_data_secret = _service("SHARED_DATA")
    notify_url, notify_secret = _service("NOTIFY")
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
        casebook_keys=tuple(k.strip() for k in keys.split(",") if k.strip()),
        casebook_url_given=casebook,
        credit_url=credit_url,
        credit_secret=credit_secret,
        shared_data_url=shared_data_url,
        shared_data_secret=shared_data_secret,
        notify_url=notify_url,
        notify_secret=notify_secret,
        person_rate=_rate("MIANZHENG_PERSON_RATE", Settings.person_rate),
        redis_url=_address("MIANZHENG_REDIS_URL", "", ("redis", "rediss", "unix")),
        public_url=_address("MIANZHENG_PUBLIC_URL", "", ("https", "http")),
        embed_origins=_origins("MIANZHENG_EMBED_ORIGINS"),
        wechat=_wechat(),
    )
