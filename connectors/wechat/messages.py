"""What a person does in WeChat, as one typed message with a key by which it is known when it comes again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .envelope import Refused

_OPENID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ACCOUNT = re.compile(r"[\w@.-]{1,64}")
_DIGITS = re.compile(r"\d{1,24}")
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Message:
    """One message or event.

    `kind` is the platform's MsgType, for an event `event:` and its name in lower case. `text` is what was typed, said,
    or stands behind a menu button; `scene` is the value of a scanned code; `latitude`, `longitude` and `label` a position.
    """

    openid: str
    account: str
    kind: str
    key: str
    text: str = ""
    scene: str = ""
    latitude: str = ""
    longitude: str = ""
    label: str = ""

    @property
    def answered(self) -> bool:
        """Whether a person waits for a reply to this; most events are no question."""
        return not self.kind.startswith("event:") or self.kind in (
            "event:subscribe",
            "event:scan",
            "event:click",
        )


def read_message(fields: dict[str, str]) -> Message:
    """Return the message in the platform's `fields`. Raises Refused 400 if what every message has is missing."""
    openid, account = fields.get("FromUserName", ""), fields.get("ToUserName", "")
    kind, made = fields.get("MsgType", "").lower(), fields.get("CreateTime", "")
    if not (_OPENID.fullmatch(openid) and _ACCOUNT.fullmatch(account) and kind and _DIGITS.fullmatch(made)):
        raise Refused(400)
    if kind == "event":
        return _event(fields, openid, account, made)
    number = fields.get("MsgId", "")
    if not _NUMBER.fullmatch(number):
        raise Refused(400)
    text = {"text": fields.get("Content", ""), "voice": fields.get("Recognition", "")}.get(kind, "")
    return Message(
        openid,
        account,
        kind,
        f"m{number}",
        text=text.strip(),
        latitude=fields.get("Location_X", ""),
        longitude=fields.get("Location_Y", ""),
        label=fields.get("Label", ""),
    )


def _event(fields: dict[str, str], openid: str, account: str, made: str) -> Message:
    name, key = fields.get("Event", "").lower(), fields.get("EventKey", "")[:128]
    if not re.fullmatch(r"[a-z_]{1,64}", name):
        raise Refused(400)
    return Message(
        openid,
        account,
        f"event:{name}",
        # Two buttons pressed within a second are two events.
        f"e{made}:{name}:{key}",
        text=key if name == "click" else "",
        scene=key.removeprefix("qrscene_") if name in ("subscribe", "scan") else "",
        latitude=fields.get("Latitude", ""),
        longitude=fields.get("Longitude", ""),
    )
