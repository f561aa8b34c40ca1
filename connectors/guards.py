"""What stands between a citizen's words and everything else: cleaning, masking, rough recognition of harm, rate limits."""

from __future__ import annotations

import logging
import math
import re
import time
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.storage import Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis import RedisError

from proof_catalogue.text import clean, simplify

from .problems import Problem

log = logging.getLogger("mianzheng.guards")

MAX_MESSAGE = 500
# Digits as people write them: spaces, dashes and dots between; full-width ones are folded by cleaning.
_GAP = r"[ \-.·_‐-―]{0,3}"
_ID = re.compile(
    rf"(?<!\d)[1-9](?:{_GAP}\d){{16}}{_GAP}[\dXx](?![\dA-Za-z])|(?<!\d)[1-9](?:{_GAP}\d){{14}}(?!{_GAP}\d)"
)
_CARD = re.compile(rf"(?<!\d)[3-6](?:{_GAP}\d){{14,18}}(?!\d)")
_PHONE = re.compile(rf"(?<!\d)(?:\+?86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)")
_LONG = re.compile(r"(?<!\d)\d{9,30}[Xx]?(?!\d)")
_PASSPORT = re.compile(
    rf"(?<![A-Za-z0-9])(?:[EeGgDdSsPp](?:{_GAP}\d){{8}}|[A-Za-z]{{2}}(?:{_GAP}\d){{7}}|[HhMm](?:{_GAP}\d){{8,10}})(?![A-Za-z0-9])"
)
_SPOKEN = re.compile(r"(?:[零〇一二三四五六七八九幺两][ ,，、]?){11,}")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")

_ATTACK = re.compile(
    r"<\s*/?\s*(?:script|img|svg|iframe|body|object|a\s+href)|javascript:|on(?:error|load|click)\s*=|"
    r"\b(?:union\s+(?:all\s+)?select|drop\s+table|insert\s+into|delete\s+from|or\s+1\s*=\s*1|sleep\s*\(|information_schema)\b|'\s*(?:or|and)\s*'?\d|'\s*(?:;|--)|"
    r"\.\./|\.\.\\|/etc/(?:passwd|shadow)|file://|c:\\windows|cmd\.exe|\$\{jndi|\{\{.*\}\}|\$\([^)]*\)|;\s*(?:rm|cat|ls|wget|curl)\b|rm\s+-rf|"
    r"ignore\s+(?:all\s+|the\s+|your\s+)?(?:previous|above|prior)|system\s*prompt|developer\s*mode|jailbreak|\bdan\s+mode|"
    r"(?:忽略|无视|忘掉|忘记|不要管)[^。,，]{0,10}(?:指令|提示词|设定|限制|系统提示)|(?:忽略|无视|忘掉)[^。,，]{0,4}(?:你|之前|以上|上面|所有)[^。,，]{0,6}(?:规则|要求|说明|提示)|(?:系统|初始|内部)(?:提示词|指令|prompt)|提示词|越狱|开发者模式|管理员(?:模式|权限)|"
    r"(?:数据库|后台|服务器)(?:密码|口令|账号|地址|表|里的)|(?:导出|泄露|给我|列出|查)[^。,，]{0,8}(?:其他|别)(?:用户|人)的?(?:信息|记录|聊天|身份证|数据|号码)|"
    r"(?:扮演|假装|假设你|从现在起你|你现在是)[^。,，]{0,12}(?:没有限制|不受限|黑客|另一个|管理员|开发|越权|dan\b)",
    re.IGNORECASE,
)
_SQLISH = re.compile(r"\bselect\b.+\bfrom\b", re.IGNORECASE)
_CRISIS = re.compile(
    r"不想活|想死|活不下去|死了算了|[想要去就]自杀|[要就]跳[楼河]|同归于尽|跟你们一起死|结束(?:我的|自己的?)?生命|浇.{0,3}汽油|泼.{0,2}汽油|引爆|点.{0,2}煤气|寻死"
)
# The same words are said of others by the bereaved, who ask for a paper and get their answer.
_GRAVE = re.compile(r"自杀|跳楼|跳河|楼.{0,4}跳下|割腕|轻生|喝农药|一起死|一了百了")
_BUSINESS = re.compile(r"证明|证件|销户|继承|火化|理赔|殡|抚恤|丧葬|遗产|去世|过世")
_THREAT = re.compile(
    r"(?:杀|砍|弄死|捅|炸|烧)(?:了|死|掉)?(?:你们?|他们?|她|政府|窗口|大厅|办事|全家)|放火|炸药|[拿带揣拎提](?:上|着|了)?一?(?:把|个)?(?:菜|水果|西瓜|砍)?刀"
)


@dataclass(frozen=True)
class Guarded:
    """A message that may go on: cleaned and masked `text`, and what was seen in it."""

    text: str
    masked: bool = False
    nothing_left: bool = False
    attack: bool = False
    crisis: bool = False


def mask(text: str) -> tuple[str, bool]:
    """Return `text` with ID, card, phone, passport and other long numbers replaced by stars, and whether there were any."""
    made = text
    for pattern in (_ID, _CARD, _PHONE, _MAIL, _PASSPORT, _SPOKEN, _LONG):
        made = pattern.sub(_stars, made)
    return made, made != text


def _stars(match: re.Match[str]) -> str:
    return "****"


def guard(message: str) -> Guarded:
    """Return the message cleaned and masked. Raises Problem 422 when it is empty or too long after cleaning."""
    text = clean(message)
    if not text:
        raise Problem(422, "Empty message", "请写下您的问题。", "message")
    if len(text) > MAX_MESSAGE:
        raise Problem(422, "Message too long", f"一次最多{MAX_MESSAGE}个字，请说短一点。", "message")
    attack = bool(_ATTACK.search(text) or _SQLISH.search(text))
    text, masked = mask(text)
    # A typed slash would be an intent for Rasa; ours alone may send those.
    text = re.sub(r"^[/／\\\s]+", "", text).strip() or "。"
    left = re.sub(
        r"[\W_]|我的?|身份证号?码?|手机号?码?|电话号?码?|银行卡号?|卡号|护照号?|号码?|是|姓名|叫|给我|打|你|联系|记一?下|查一?下|帮|急|有事|过来|说|微信",
        "",
        text.replace("*", ""),
    )
    said = simplify(text)
    of_others = bool(_GRAVE.search(said) or _THREAT.search(said)) and not _BUSINESS.search(said)
    crisis = bool(_CRISIS.search(said)) or of_others
    return Guarded(text, masked, masked and len(left) <= 4, attack, crisis)


def counts(redis_url: str = "") -> Storage:
    """Return where rate limits are counted: in Redis where its address is given, else in this process.

    One serves all limits of a process, since each starts a thread of its own at nearly every hit.
    """
    options = {"socket_timeout": 1, "socket_connect_timeout": 1} if redis_url else {}
    return storage_from_string(redis_url or "memory://", **options)


class RateLimiter:
    """A moving-window limit `of` each address or person, such as 1200/minute, counted in `storage`."""

    def __init__(self, rate: str, storage: Storage | None = None, of: str = "address"):
        self._item: RateLimitItem = parse(rate)
        self._of = of
        # Kept here: the limiter itself holds it by a weak reference only.
        self._storage = storage or counts()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def check(self, client: str) -> None:
        """Raise Problem 429 with Retry-After when `client` has asked too often."""
        try:
            if self._limiter.hit(self._item, self._of, client):
                return
            reset = self._limiter.get_window_stats(self._item, self._of, client)[0]
        except RedisError as error:
            # Better unlimited for a while than no answer for anybody.
            log.error("the rate limit cannot be counted: %s", type(error).__name__)
            return
        wait = max(1, math.ceil(reset - time.time()))
        raise Problem(
            429, "Too many requests", f"问得太快了，请{wait}秒后再试。", headers={"Retry-After": str(wait)}
        )
