"""A person is wanted: the office hours, the callback request that holds the conversation, a telephone number if wished."""

from __future__ import annotations

import re

from bot.answer import Reply
from bot.casebook.desk import Callback
from bot.words import say
from proof_catalogue.text import clean

from . import identity
from .legal import UNVERIFIED
from .working_time import hours_said

_LANDLINE = re.compile(r"(?<!\d)0\d{2,3}[-\s]?\d{7,8}(?!\d)")
_PHONE_WORDS = re.compile(
    r"[\W_]|我的?|手机|电话|号码?|是|打|回|拨|请|给|这个|联系|方式|可以|就|吧|留|个|谢谢|你们?|您|好的?|\*"
)


def hours_line(region: str) -> str:
    """Return in words when offices of a GB/T 2260 code are open, marked where no source bears it out."""
    said, verified = hours_said(region)
    return say("paths.callback.hours", hours=said) + ("" if verified else UNVERIFIED)


def offer(made: Callback, hours: str) -> Reply:
    """Return the number of a callback request, with the offers to leave a telephone number or to take it back."""
    lines = [hours, say("paths.callback.left", reference=made.reference)]
    buttons = [{"title": say("paths.callback.button_cancel"), "payload": f"callback:cancel:{made.reference}"}]
    if made.phone:
        lines.append(say("paths.callback.phone_there"))
    else:
        lines.append(say("paths.callback.phone_if_wished"))
        leave = {"title": say("paths.callback.button_phone"), "payload": f"callback:phone:{made.reference}"}
        buttons.insert(0, leave)
    return Reply("\n".join(lines), buttons)


def only_phone(text: str) -> str | None:
    """Return the telephone number that `text` consists of, or None if it is about something else."""
    said = clean(text)
    line = _LANDLINE.search(said)
    found = line.group() if line else None if identity.find_number(said) else identity.find_phone(said)
    phone = re.sub(r"\D", "", found) if found else None
    if phone is None:
        return None
    return phone if not re.sub(r"\d", "", _PHONE_WORDS.sub("", said)) else None


def status_text(held: Callback, own: bool) -> str:
    """Return in words how a request stands; what staff noted is for its owner only."""
    text = say(f"paths.callback.status.{held.state}", reference=held.reference)
    return text + say("paths.callback.note", note=held.note) if own and held.note else text
