"""Stand-ins on loopback: the platform with its own cryptography, retries, token and sending; and a Rasa that may be slow."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fakeredis
import httpx
import limits
import redis
import redis.asyncio
import uvicorn
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from ...support import ROOT, free_ports, kill_marked, wait_for

PATIENCE = 5.0  # seconds after which the platform drops a request and sends it again
ATTEMPTS = 3


@dataclass(frozen=True)
class Account:
    """An Official Account as the platform knows it."""

    token: str = "a-token-of-the-account"
    app_id: str = "wx0123456789abcdef"
    secret: str = "the-app-secret"
    key: bytes = hashlib.sha256(b"the key of a test").digest()

    @property
    def aes_key(self) -> str:
        """The 43 characters that staff copy into the settings."""
        return base64.b64encode(self.key).decode().rstrip("=")

    def sign(self, *parts: str) -> str:
        """Return the signature over `parts`."""
        return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()

    def query(self, now: float | None = None) -> dict[str, str]:
        """Return a signed query, with a nonce of its own."""
        stamp, nonce = str(int(now if now is not None else time.time())), secrets.token_hex(8)
        return {"signature": self.sign(self.token, stamp, nonce), "timestamp": stamp, "nonce": nonce}

    def encrypt(self, text: bytes, app_id: str | None = None) -> str:
        """Return `text` as the platform encrypts it: random, length, text, app id; PKCS#7 to 32; AES-256-CBC."""
        plain = os.urandom(16) + len(text).to_bytes(4, "big") + text + (app_id or self.app_id).encode()
        pad = 32 - len(plain) % 32
        worker = Cipher(algorithms.AES(self.key), modes.CBC(self.key[:16])).encryptor()
        return base64.b64encode(worker.update(plain + bytes([pad]) * pad) + worker.finalize()).decode()

    def decrypt(self, sealed: str) -> bytes:
        """Return what `sealed` holds. Raises AssertionError if it is not for this account."""
        worker = Cipher(algorithms.AES(self.key), modes.CBC(self.key[:16])).decryptor()
        plain = worker.update(base64.b64decode(sealed)) + worker.finalize()
        plain = plain[: -plain[-1]]
        length = int.from_bytes(plain[16:20], "big")
        assert plain[20 + length :].decode() == self.app_id
        return plain[20 : 20 + length]

    def wrap(self, xml: bytes, mode: str) -> tuple[dict[str, str], bytes]:
        """Return query and body for `xml` in the `mode` plain, compatible or safe."""
        query = self.query()
        if mode == "plain":
            return query, xml
        sealed = self.encrypt(xml)
        query |= {"encrypt_type": "aes"}
        query["msg_signature"] = self.sign(self.token, query["timestamp"], query["nonce"], sealed)
        held = f"<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()
        if mode == "compatible":
            return query, xml[: -len(b"</xml>")] + held
        return query, b"<xml><ToUserName><![CDATA[gh_account]]></ToUserName>" + held

    def unwrap(self, body: bytes, mode: str) -> dict[str, str]:
        """Return the fields of a reply, its signature checked."""
        fields = {e.tag: e.text or "" for e in ET.fromstring(body)}
        if mode == "plain":
            return fields
        assert fields["MsgSignature"] == self.sign(
            self.token, fields["TimeStamp"], fields["Nonce"], fields["Encrypt"]
        )
        return {e.tag: e.text or "" for e in ET.fromstring(self.decrypt(fields["Encrypt"]))}


def message_xml(openid: str, kind: str = "text", **fields: str) -> bytes:
    """Return a message as the platform writes it, with a MsgId of its own unless it is an event."""
    held = {
        "ToUserName": "gh_account",
        "FromUserName": openid,
        "CreateTime": str(int(time.time())),
        "MsgType": kind,
    }
    if kind != "event":
        held["MsgId"] = str(random.getrandbits(62))
    held |= fields
    return ("<xml>" + "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in held.items()) + "</xml>").encode(
        "utf-8", "surrogatepass"
    )


@contextlib.contextmanager
def serving(app: Starlette, port: int) -> Iterator[None]:
    """Serve `app` on loopback in a thread."""
    server = uvicorn.Server(
        uvicorn.Config(app, "127.0.0.1", port, log_level="critical", access_log=False, ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert wait_for(lambda: server.started, 10, 0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass
class Platform:
    """The platform: sends messages to the callback at `callback`, and takes calls on its own port."""

    callback: str
    account: Account = Account()
    mode: str = "safe"
    port: int = field(default_factory=lambda: free_ports(1)[0])
    fail: list[int] = field(default_factory=list)  # codes with which the next calls are refused, in order
    always: int = 0  # code with which every sending is refused
    tokens: list[str] = field(default_factory=list)
    asked_for_token: int = 0
    sent: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # by customer service
    menus: list[Any] = field(default_factory=list)
    bad_calls: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # seconds of each reply that came
    timeouts: int = 0
    since: dict[str, int] = field(default_factory=dict)  # sendings since a person's last message

    # --- what the platform sends ----------------------------------------------------------------

    async def post(self, http: httpx.AsyncClient, xml: bytes, **how: Any) -> httpx.Response:
        """Send one request, once."""
        query, body = self.account.wrap(xml, self.mode)
        began = time.monotonic()
        response = await asyncio.wait_for(
            http.post(self.callback, params=query, content=body, timeout=None, **how), PATIENCE
        )
        self.times.append(time.monotonic() - began)
        return response

    async def send(self, http: httpx.AsyncClient, xml: bytes, lose: int = 0) -> str:
        """Send a message as the platform does, up to three times, and return the text that the person sees.

        The first `lose` replies get lost on the way: cut off early, or not seen though they came.
        """
        found = re.search(rb"<FromUserName><!\[CDATA\[(.*?)\]\]>", xml)
        assert found
        self.since[found[1].decode()] = 0
        for attempt in range(ATTEMPTS):
            if attempt < lose and random.random() < 0.5:
                with contextlib.suppress(httpx.HTTPError):
                    query, body = self.account.wrap(xml, self.mode)
                    await http.post(
                        self.callback, params=query, content=body, timeout=random.uniform(0.01, 0.4)
                    )
                continue
            try:
                response = await self.post(http, xml)
            except asyncio.TimeoutError:
                self.timeouts += 1
                continue
            if attempt < lose:
                continue
            assert response.status_code == 200, response.status_code
            return self.read(response)
        return ""

    def read(self, response: httpx.Response) -> str:
        """Return the text of a reply, empty where it says nothing."""
        if response.content in (b"", b"success"):
            return ""
        fields = self.account.unwrap(response.content, self.mode)
        assert fields["MsgType"] == "text" and fields["FromUserName"] == "gh_account"
        assert len(fields["Content"].encode()) <= 2048, len(fields["Content"].encode())
        return fields["Content"]

    # --- what the platform takes ----------------------------------------------------------------

    def app(self) -> Starlette:
        """Return the calls that we make use of."""
        routes = [
            Route("/cgi-bin/token", self._token),
            Route("/cgi-bin/message/custom/send", self._send, methods=["POST"]),
            Route("/cgi-bin/menu/create", self._menu, methods=["POST"]),
            Route("/cgi-bin/menu/delete", self._no_menu),
        ]
        return Starlette(routes=routes)

    def _token(self, request: Request) -> JSONResponse:
        asked = request.query_params
        self.asked_for_token += 1
        if (asked.get("appid"), asked.get("secret")) != (self.account.app_id, self.account.secret):
            return JSONResponse({"errcode": 40013, "errmsg": "invalid appid"})
        self.tokens.append(f"token-{secrets.token_hex(8)}")
        return JSONResponse({"access_token": self.tokens[-1], "expires_in": 7200})

    def _refusal(self, request: Request) -> JSONResponse | None:
        if self.fail:
            code = self.fail.pop(0)
            if code in (40001, 42001):
                self.tokens.append("gone")
            return JSONResponse({"errcode": code, "errmsg": "as the test wants it"})
        if request.query_params.get("access_token") != (self.tokens or [""])[-1]:
            self.bad_calls.append("stale token")
            return JSONResponse({"errcode": 40001, "errmsg": "invalid credential"})
        return None

    async def _send(self, request: Request) -> JSONResponse:
        body = await request.body()
        refusal = self._refusal(request)
        if refusal:
            return refusal
        if self.always:
            return JSONResponse({"errcode": self.always, "errmsg": "as the test wants it"})
        held = json.loads(body)
        openid, text = held["touser"], held["text"]["content"]
        assert b"\\u" not in body and len(text.encode()) <= 2048 and held["msgtype"] == "text"
        if openid not in self.since:
            return JSONResponse({"errcode": 45015, "errmsg": "response out of time limit"})
        if self.since[openid] >= 5:
            return JSONResponse({"errcode": 45047, "errmsg": "out of response count limit"})
        self.since[openid] += 1
        self.sent[openid].append(text)
        return JSONResponse({"errcode": 0, "errmsg": "ok"})

    async def _menu(self, request: Request) -> JSONResponse:
        body = await request.body()
        refusal = self._refusal(request)
        if refusal is None:
            self.menus.append(json.loads(body))
        return refusal or JSONResponse({"errcode": 0, "errmsg": "ok"})

    def _no_menu(self, request: Request) -> JSONResponse:
        refusal = self._refusal(request)
        if refusal is None:
            self.menus.append(None)
        return refusal or JSONResponse({"errcode": 0, "errmsg": "ok"})


@dataclass
class SlowRasa:
    """Answers every message with 答案 and the mark in it (q17x3); one that says 慢 after `slow` seconds."""

    port: int
    slow: float = 6.5
    asked: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        """Return Rasa's REST channel, as far as we use it."""
        return Starlette(
            routes=[
                Route("/", lambda _: PlainTextResponse("Hello from Rasa")),
                Route("/webhooks/rest/webhook", self._answer, methods=["POST"]),
            ]
        )

    async def _answer(self, request: Request) -> JSONResponse:
        text = (await request.json())["message"]
        mark = re.search(r"q[0-9x]+", text)
        self.asked.append(mark[0] if mark else text)
        if "慢" in text:
            await asyncio.sleep(self.slow)
        said = f"答案{mark[0] if mark else text}。"
        if "长" in text:
            said += "这一句要说很多遍，好让一条消息装不下。" * 60 + f"完{mark[0] if mark else ''}"
        buttons = [{"title": t, "payload": p} for t, p in (("甲", "choose:F274"), ("转人工", "human"))]
        reply = {"text": said, "buttons": buttons if "选" in text else [], "card": None}
        custom = {
            "outcome": "smalltalk",
            "replies": [reply],
            "verdict": None,
            "candidates": [],
            "form": None,
            "intent": {"name": "greet", "confidence": 0.9},
            "context": {"topic": "question"},
        }
        return JSONResponse([{"recipient_id": "x", "custom": custom}])


@dataclass
class WebProcess:
    """The real web process, with an account and what else the environment says."""

    log: Path
    environment: dict[str, str]
    port: int = field(default_factory=lambda: free_ports(1)[0])
    mark: str = field(default_factory=lambda: secrets.token_hex(16))
    process: subprocess.Popen[bytes] | None = None

    @property
    def callback(self) -> str:
        """The address that the platform sends to."""
        return f"http://127.0.0.1:{self.port}/wechat/callback"

    def start(self, rasa: bool) -> None:
        """Start it and wait until it answers, with Rasa if `rasa`. Raises AssertionError if it does not."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith("MIANZHENG_") and "proxy" not in k.lower()
        }
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "connectors.serve"],
                cwd=ROOT,
                env={**kept, "OMP_NUM_THREADS": "1", "MIANZHENG_RATE": "100000/minute", "MIANZHENG_PERSON_RATE": "100000/minute", **self.environment, "MIANZHENG_PORT": str(self.port), "MIANZHENG_TEST_MARK": self.mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )  # fmt: skip

        def ready() -> bool:
            assert self.process and self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx.HTTPError):
                health = httpx.get(
                    f"http://127.0.0.1:{self.port}/api/health", timeout=2, trust_env=False
                ).json()
                return health["catalogue"] is not None and health["rasa"] == rasa
            return False

        assert wait_for(ready, 150), self.log.read_text()

    def end(self) -> None:
        """End it; it must end by itself."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(15) in (0, -signal.SIGTERM), self.log.read_text()
        finally:
            kill_marked(self.mark)


def account_environment(account: Account, platform: Platform | None, sealed: bool) -> dict[str, str]:
    """Return the settings that name `account`; without a platform no call to it can be made."""
    held = {"MIANZHENG_WECHAT_TOKEN": account.token, "MIANZHENG_WECHAT_APP_ID": account.app_id}
    if sealed:
        held["MIANZHENG_WECHAT_AES_KEY"] = account.aes_key
    if platform:
        held["MIANZHENG_WECHAT_APP_SECRET"] = account.secret
        held["MIANZHENG_WECHAT_API_BASE"] = f"http://127.0.0.1:{platform.port}"
    return held


MARK = re.compile(r"答案(q[0-9x]+)。")


async def load(
    platform: Platform, people: int, each: int, *, retried: float, slow: float, at_once: int, seed: int = 1
) -> dict[str, Any]:
    """Let `people` ask `each` questions one after another; return what they asked, got and never got.

    A share `retried` of the messages loses one or two replies; a share `slow` takes longer than the platform waits. Who is
    told to wait, waits and writes 好 until there is nothing to wait for.
    """
    chance = random.Random(seed)
    got: dict[str, list[str]] = defaultdict(list)
    asked: dict[str, list[str]] = defaultdict(list)
    slots = asyncio.Semaphore(at_once)
    plan = [[(chance.random() < retried, chance.random() < slow) for _ in range(each)] for _ in range(people)]

    async def person(n: int) -> None:
        openid = f"openid-{n:05d}-{seed}"
        for m, (again, late) in enumerate(plan[n]):
            mark = f"q{n}x{m}"
            asked[openid].append(mark)
            async with slots:
                text = message_xml(openid, Content=f"{'慢慢' if late else ''}问{mark}要不要证明")
                seen = await platform.send(http, text, lose=chance.choice((1, 2)) if again else 0)
                got[openid] += MARK.findall(seen)
                for _ in range(8):
                    everything = got[openid] + [x for t in platform.sent[openid] for x in MARK.findall(t)]
                    if mark in everything:
                        break
                    await asyncio.sleep(2)
                    if "马上发给您" not in seen:
                        got[openid] += MARK.findall(
                            await platform.send(http, message_xml(openid, Content="好"))
                        )

    limits = httpx.Limits(max_connections=at_once * 2)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as http:
        await asyncio.gather(*(person(n) for n in range(people)))
    await asyncio.sleep(2)  # what would come twice comes now
    for openid in asked:
        got[openid] += [x for t in platform.sent[openid] for x in MARK.findall(t)]
    return {
        "messages": sum(map(len, asked.values())),
        "retried": sum(again for row in plan for again, _ in row),
        "slow": sum(late for row in plan for _, late in row),
        "by_customer_service": sum(map(len, platform.sent.values())),
        "never": sum(mark not in got[o] for o, marks in asked.items() for mark in marks),
        "twice": sum(got[o].count(mark) > 1 for o, marks in asked.items() for mark in marks),
        "strange": sum(x not in asked[o] for o, held in got.items() for x in held),
        "timeouts": platform.timeouts,
        "longest": max(platform.times),
        "median": sorted(platform.times)[len(platform.times) // 2],
    }


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Serve a stand-in for Redis on loopback and give its address.

    It hangs up after every error, as the real one does not, so the scripts that our libraries would load are loaded first.
    """
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"redis://127.0.0.1:{server.server_address[1]}/0"
    client = redis.Redis.from_url(url)
    lock = redis.asyncio.lock.Lock
    for script in (lock.LUA_RELEASE_SCRIPT, lock.LUA_EXTEND_SCRIPT, lock.LUA_REACQUIRE_SCRIPT):
        client.script_load(script)
    for path in (Path(limits.__file__).parent / "resources").rglob("*.lua"):
        client.script_load(path.read_text())
    client.close()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
