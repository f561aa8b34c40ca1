"""What the casebook's tests share: a requirement, complete answers, a clock that is set by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bot.casebook.casebook import Casebook
from bot.casebook.pledges import Pledge
from bot.casebook.store import CHINA

REQUIREMENT: dict[str, Any] = {
    "id": "F169",
    "proof": "亲属关系证明（用血费用减免）",
    "matter": "献血者亲属申请减免用血费用（用血直免）",
    "region": "浙江省",
    "region_code": "330000",
    "demanding_authority": "医疗机构",
    "issuing_authority": "公安机关、村居等",
    "legal_basis": "《浙江省实施〈献血法〉办法》第十八、十九条",
}
NOTICE = {"version": "2026-11", "elements": [{"title": "证明内容", "text": "与献血者的亲属关系"}]}
NAME, PHONE = "王小燕子", "13900001234"
FACTS = "本人与献血者系夫妻关系。"


def valid_id(serial: int = 7, birth: str = "19900307", area: str = "330106") -> str:
    """Return an id number of nobody, with a right check digit by GB 11643-1999."""
    body = f"{area}{birth}{serial % 1000:03d}"
    return body + "10X98765432"[sum(int(d) * 2 ** (17 - i) for i, d in enumerate(body)) % 11]


ID_NUMBER = valid_id()
ANSWERS: dict[str, str | None] = {"name": NAME, "id_number": ID_NUMBER, "facts": FACTS, "consent": "yes"}


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: str = "2026-11-23T09:00") -> None:
        self.at = datetime.fromisoformat(at).replace(tzinfo=CHINA)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **length: float) -> datetime:
        """Move on and return the new moment."""
        self.at += timedelta(**length)
        return self.at


def filled(casebook: Casebook, session: str = "session-one", **answers: str | None) -> Pledge:
    """Return a draft with all four answers, or those given instead."""
    draft = casebook.pledges.start(casebook.owner_of(session), REQUIREMENT, "330106", NOTICE)
    return casebook.pledges.set_fields(draft.reference, {**ANSWERS, **answers})
