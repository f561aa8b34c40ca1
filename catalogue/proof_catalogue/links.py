"""Asks the sources' addresses whether they still answer: politely, with a memory, and without alarm when nothing can be reached."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from .errors import CatalogueError

ANSWERS = ("ok", "moved", "gone")
STATES = (*ANSWERS, "unreachable", "offline")
AGENT = "Mozilla/5.0 (compatible; mianzheng link check)"
_PERMANENT = {301, 308}
_GONE = {404, 410}
# What a proxy says of a site that it cannot reach: no sign that the network is there.
_GATEWAY = {407, 502, 503, 504}
# So many silent sites, and no page from any within the time one may take: the network is taken to be down.
_HOPELESS = 6
_NO_WAY = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class Link:
    """What became of the address `url`.

    `state` is ok, moved (for good, to `target`), gone (404 or 410), unreachable (for now: `detail` says why) or offline
    (nothing answered, or hardly anything and that with no page, so nothing is said about it); `checked_on` is the day.
    """

    url: str
    state: str
    checked_on: str
    target: str = ""
    detail: str = ""


def check_links(
    urls: Iterable[str],
    cache: Path | None = None,
    on: date | None = None,
    fresh_days: int = 7,
    concurrency: int = 8,
    pause: float = 0.5,
    timeout: float = 10.0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Link]:
    """Return what became of each address, in their order and once each.

    At most `concurrency` sites are asked at a time and one site one question at a time with `pause` seconds between them;
    each step of an answer takes at most `timeout` seconds. Bodies are never read. Results are kept in the JSON file `cache`;
    answers younger than `fresh_days` are not asked for again. Where the network is down every address asked is offline and nothing
    is kept. Addresses are asked as they stand, inside the own network too: let nobody check links whom that must not be shown.
    Raises CatalogueError if `cache` cannot be read.
    """
    on = on or date.today()
    wanted = list(dict.fromkeys(u for u in urls if u))
    kept = _read(cache)
    fresh = (on - timedelta(days=fresh_days)).isoformat()
    known = {
        u: kept[u]
        for u in wanted
        if u in kept and kept[u].state in ANSWERS and fresh < kept[u].checked_on <= on.isoformat()
    }
    asked = [u for u in wanted if u not in known]
    found = asyncio.run(_Check(on, concurrency, pause, timeout, progress).run(asked))
    if cache and found and all(link.state != "offline" for link in found.values()):
        _write(cache, {**kept, **found})
    return [known.get(u) or found[u] for u in wanted]


class _Check:
    """One run over a list of addresses."""

    def __init__(
        self,
        on: date,
        concurrency: int,
        pause: float,
        timeout: float,
        progress: Callable[[int, int], None] | None,
    ):
        self._on, self._pause, self._timeout, self._progress = on.isoformat(), pause, timeout, progress
        self._places = asyncio.Semaphore(concurrency)
        self._answered = self._pages = False
        self._silent = 0
        self._began = 0.0
        self._found: dict[str, Link] = {}

    async def run(self, urls: list[str]) -> dict[str, Link]:
        self._began = asyncio.get_running_loop().time()
        sites: dict[str, list[str]] = defaultdict(list)
        for url in urls:
            try:
                parts = urlsplit(url)
                host = parts.netloc if parts.scheme in ("http", "https") else ""
            except ValueError:
                host = ""
            if host:
                sites[host].append(url)
            else:
                self._keep(url, "unreachable", "no http address", len(urls))
        async with httpx.AsyncClient(
            timeout=self._timeout, headers={"User-Agent": AGENT}, max_redirects=5
        ) as client:
            await asyncio.gather(*(self._site(client, held, len(urls)) for held in sites.values()))
        # Behind a portal or a mirror a few sites seem to answer, none of them with a page.
        if not self._answered or (not self._pages and (self._hopeless or self._silent * 2 > len(sites))):
            self._found |= {u: self._link(u, "offline") for held in sites.values() for u in held}
        return self._found

    @property
    def _hopeless(self) -> bool:
        waited = asyncio.get_running_loop().time() - self._began
        return not self._pages and self._silent >= _HOPELESS and waited >= self._timeout

    def _link(self, url: str, state: str, detail: str = "", target: str = "") -> Link:
        return Link(url, state, self._on, target, detail)

    def _keep(self, url: str, state: str, detail: str, of: int, target: str = "") -> None:
        self._found[url] = self._link(url, state, detail, target)
        if self._progress:
            self._progress(len(self._found), of)

    async def _site(self, client: httpx.AsyncClient, urls: list[str], of: int) -> None:
        """Ask one site for its addresses one after the other; one that lets nobody in is not asked again."""
        async with self._places:
            silent = ""
            for number, url in enumerate(urls):
                if silent or self._hopeless:
                    self._keep(url, "unreachable", silent or "not asked", of)
                    continue
                if number:
                    await asyncio.sleep(self._pause)
                try:
                    state, detail, target = await asyncio.wait_for(self._ask(client, url), 4 * self._timeout)
                    self._keep(url, state, detail, of, target)
                except _NO_WAY as error:
                    silent = type(error).__name__
                    self._silent += 1
                    self._keep(url, "unreachable", silent, of)
                except (
                    httpx.HTTPError,
                    httpx.InvalidURL,
                    OSError,
                    ValueError,
                    asyncio.TimeoutError,
                ) as error:
                    self._keep(url, "unreachable", type(error).__name__, of)

    async def _ask(self, client: httpx.AsyncClient, url: str) -> tuple[str, str, str]:
        """Return (state, detail, target) of one address: asked for its head, and where that is refused for the page."""
        try:
            response = await self._head(client, "HEAD", url)
            refused = response.status_code >= 400
        except (httpx.ReadError, httpx.RemoteProtocolError):
            refused = True
        if refused:
            response = await self._head(client, "GET", url)
        status = response.status_code
        self._answered = self._answered or status not in _GATEWAY
        if status in _GONE:
            return "gone", f"HTTP {status}", ""
        if status >= 400:
            return "unreachable", f"HTTP {status}", ""
        self._pages = True
        hops = [r.status_code for r in response.history]
        if hops and all(h in _PERMANENT for h in hops):
            return "moved", f"HTTP {hops[0]}", str(response.url)
        return "ok", f"HTTP {status}", ""

    async def _head(self, client: httpx.AsyncClient, method: str, url: str) -> httpx.Response:
        async with client.stream(method, url, follow_redirects=True) as response:
            return response


def _read(cache: Path | None) -> dict[str, Link]:
    if cache is None or not cache.exists():
        return {}
    try:
        held = json.loads(cache.read_text(encoding="utf-8"))
        return {link["url"]: Link(**link) for link in held}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CatalogueError(f"{cache}: holds no results of a link check ({error})") from None


def _write(cache: Path, links: dict[str, Link]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    fresh = cache.with_name(f"{cache.name}.{os.getpid()}.new")
    text = json.dumps([asdict(links[u]) for u in sorted(links)], ensure_ascii=False, indent=1)
    fresh.write_text(text + "\n", encoding="utf-8")
    os.replace(fresh, cache)
