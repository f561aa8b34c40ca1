"""Calls to the platform: the access token that all processes share, customer-service messages, the custom menu."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import httpx

from bot.settings import Settings, WeChatSettings

from ..shared_state import InFiles, InRedis, Shared

log = logging.getLogger("mianzheng.wechat")

RENEW_BEFORE = 300  # seconds of a token's life that are left unused
TIMEOUT = 5.0
# Error codes of the platform's guide, "Global return codes".
BUSY, STALE_TOKEN = -1, (40001, 40014, 42001)
DAILY_LIMIT, TOO_OFTEN, NOT_AUTHORISED = 45009, 45011, 48001
OUT_OF_WINDOW, OUT_OF_COUNT = 45015, 45047
# How long no customer-service message is tried after a code that is about the account: seconds.
_PAUSES = {DAILY_LIMIT: 1800, TOO_OFTEN: 60, NOT_AUTHORISED: 3600}


class PlatformError(Exception):
    """The platform said no, with its `code`; 0 where it did not answer at all."""

    def __init__(self, code: int, what: str):
        super().__init__(f"the platform answered {code} to {what}" if code else f"no answer to {what}")
        self.code = code


class Platform:
    """The account's own side of the platform. `shared` holds the token for all processes that call."""

    def __init__(self, settings: WeChatSettings, shared: Shared):
        self._settings, self._shared = settings, shared
        self._http = httpx.AsyncClient(base_url=settings.api_base, timeout=TIMEOUT)
        self._token, self._until = "", 0.0
        self._paused_until = 0.0

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @property
    def may_send(self) -> bool:
        """Whether a customer-service message has a chance: there is a secret, and the account was not just refused."""
        return bool(self._settings.app_secret) and time.monotonic() >= self._paused_until

    async def send_text(self, openid: str, text: str) -> None:
        """Send a customer-service message. Raises PlatformError; the message has then not been taken."""
        body = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        try:
            await self._call("/cgi-bin/message/custom/send", body)
        except PlatformError as error:
            if error.code in _PAUSES:
                self._paused_until = time.monotonic() + _PAUSES[error.code]
                log.warning(
                    "customer-service messages pause for %d s: code %d", _PAUSES[error.code], error.code
                )
            raise

    async def set_menu(self, menu: dict[str, Any]) -> None:
        """Put `menu` in the place of the account's custom menu. Raises PlatformError."""
        await self._call("/cgi-bin/menu/create", menu)

    async def delete_menu(self) -> None:
        """Take the account's custom menu away. Raises PlatformError."""
        await self._call("/cgi-bin/menu/delete", None)

    async def _call(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        refused = ""
        for last in (False, True):
            token = await self._access_token(refused)
            answer = await self._ask(path, {"access_token": token}, body)
            code = _code(answer)
            if code == 0:
                return answer
            if last or code not in (BUSY, *STALE_TOKEN):
                raise PlatformError(code, path)
            if code == BUSY:
                await asyncio.sleep(0.5)
            else:
                refused = token
        raise AssertionError("the second try returns or raises")

    async def _access_token(self, refused: str) -> str:
        """Return a token that is not the `refused` one, another process's if it has a newer one."""
        if self._token != refused and time.time() < self._until:
            return self._token
        async with self._shared.changing("wechat_token", 7200) as held:
            mine = held.get("app_id") == self._settings.app_id and held.get("token") != refused
            if not mine or time.time() >= float(held.get("until", 0)):
                query = {
                    "grant_type": "client_credential",
                    "appid": self._settings.app_id,
                    "secret": self._settings.app_secret,
                }
                answer = await self._ask("/cgi-bin/token", query, None)
                token, life = answer.get("access_token"), answer.get("expires_in")
                if not isinstance(token, str) or not isinstance(life, int):
                    raise PlatformError(_code(answer), "/cgi-bin/token")
                held.clear()
                spare = min(RENEW_BEFORE, life / 2)
                held.update(token=token, until=time.time() + life - spare, app_id=self._settings.app_id)
            self._token, self._until = str(held["token"]), float(held["until"])
        return self._token

    async def _ask(self, path: str, query: dict[str, str], body: dict[str, Any] | None) -> dict[str, Any]:
        try:
            if body is None:
                response = await self._http.get(path, params=query)
            else:
                # The platform shows \u escapes as they are: the text must go out as UTF-8.
                content = json.dumps(body, ensure_ascii=False).encode()
                response = await self._http.post(path, params=query, content=content)
            answer = response.json()
        except (httpx.HTTPError, ValueError):
            raise PlatformError(0, path) from None
        if not isinstance(answer, dict):
            raise PlatformError(0, path)
        return answer


def shared_by_all(settings: Settings) -> Shared:
    """Return where every process that calls the platform finds the token: Redis if there is one, else the data folder."""
    return InRedis(settings.redis_url) if settings.redis_url else InFiles(settings.data)


async def change_menu(settings: Settings, menu: dict[str, Any] | None) -> None:
    """Set the custom menu, or take it away for None. Raises PlatformError."""
    shared = shared_by_all(settings)
    platform = Platform(settings.wechat, shared)
    try:
        await (platform.delete_menu() if menu is None else platform.set_menu(menu))
    finally:
        await platform.close()
        await shared.close()


def _code(answer: dict[str, Any]) -> int:
    code = answer.get("errcode", 0)
    return code if isinstance(code, int) else 0
