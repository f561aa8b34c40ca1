"""The link check against a real server on loopback."""

import json
import threading
import time
from collections import Counter
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from proof_catalogue.errors import CatalogueError
from proof_catalogue.links import check_links

TODAY = date(2026, 11, 22)


class Book:
    """Who asked what when, and how many at once."""

    def __init__(self):
        self.asked: list[tuple[str, str]] = []
        self.times: list[float] = []
        self.inside = self.most = 0
        self.lock = threading.Lock()


class Site(ThreadingHTTPServer):
    """Answers by path and writes it into its book, which several sites may share."""

    daemon_threads = True

    def __init__(self, book=None):
        super().__init__(("127.0.0.1", 0), Answers)
        self.book = book or Book()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def close(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the tests."""


class Answers(BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Keep the test's output clean."""

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        book: Book = self.server.book
        what = self.path.strip("/")
        with book.lock:
            book.asked.append((self.command, what))
            book.times.append(time.monotonic())
            book.inside += 1
            book.most = max(book.most, book.inside)
        try:
            if what.startswith("slow"):
                time.sleep(1.5)
            elif what.startswith("busy"):
                time.sleep(0.05)
            if what == "rude" and self.command == "HEAD":
                self.connection.close()
                return
            status, place = {
                "gone": (404, ""),
                "left": (410, ""),
                "broken": (500, ""),
                "private": (403, ""),
                "old": (301, "/new"),
                "older": (308, "/old"),
                "today": (302, "/new"),
                "lost": (301, "/gone"),
                "loop": (301, "/loop"),
                "headless": (405 if self.command == "HEAD" else 200, ""),
                "shy": (404 if self.command == "HEAD" else 200, ""),
            }.get(what, (200, ""))
            self.send_response(status)
            if place:
                self.send_header("Location", place)
            body = b"" if place else b"x" * 100_000
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)
        except OSError:
            pass  # the asker reads no bodies
        finally:
            with book.lock:
                book.inside -= 1


@pytest.fixture
def site(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Site()
    yield server
    server.close()


@pytest.fixture
def closed():
    """An address on loopback at which nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    port = server.server_port
    server.server_close()
    return f"http://127.0.0.1:{port}/"


def check(urls, **more):
    return check_links(urls, **{"on": TODAY, "pause": 0.0, "timeout": 2.0, **more})


@pytest.mark.parametrize(
    ("path", "state", "detail"),
    [
        ("fine", "ok", "HTTP 200"),
        ("浙江/规定(2018-11-30).md", "ok", "HTTP 200"),
        ("headless", "ok", "HTTP 200"),
        ("shy", "ok", "HTTP 200"),
        ("rude", "ok", "HTTP 200"),
        ("today", "ok", "HTTP 200"),
        ("old", "moved", "HTTP 301"),
        ("older", "moved", "HTTP 308"),
        ("gone", "gone", "HTTP 404"),
        ("left", "gone", "HTTP 410"),
        ("lost", "gone", "HTTP 404"),
        ("broken", "unreachable", "HTTP 500"),
        ("private", "unreachable", "HTTP 403"),
        ("loop", "unreachable", "TooManyRedirects"),
    ],
)
def test_what_became_of_an_address(site, path, state, detail):
    _, found = check([site.url("fine2"), site.url(path)])
    assert (found.url, found.state, found.detail) == (site.url(path), state, detail)
    assert found.target == (site.url("new") if state == "moved" else "")
    assert found.checked_on == "2026-11-22"


def test_a_site_that_takes_too_long(site):
    fine, slow = check([site.url("fine"), site.url("slow")], timeout=0.4)
    assert (fine.state, slow.state, slow.detail) == ("ok", "unreachable", "ReadTimeout")


@pytest.mark.parametrize(
    "url", ["ftp://example.cn/x", "example.cn", "http://", "http://[::1", "javascript:x"]
)
def test_what_is_no_web_address(site, url):
    fine, found = check([site.url("fine"), url])
    assert (fine.state, found.state, found.detail) == ("ok", "unreachable", "no http address")


def test_order_is_kept_and_nothing_is_asked_twice(site):
    urls = [site.url(p) for p in ("b", "a", "b", "c")]
    assert [f.url for f in check([*urls, ""])] == [urls[0], urls[1], urls[3]]
    assert Counter(site.book.asked).most_common(1)[0][1] == 1


def test_one_site_gets_one_question_at_a_time_with_a_pause(site):
    check([site.url(f"busy{n}") for n in range(4)], pause=0.2)
    assert site.book.most == 1
    assert all(b - a >= 0.2 for a, b in zip(site.book.times, site.book.times[1:], strict=False))


def test_several_sites_are_asked_at_once_but_not_too_many(site):
    sites = [site, *(Site(site.book) for _ in range(6))]
    try:
        found = check([s.url("busy") for s in sites], concurrency=3)
    finally:
        for other in sites[1:]:
            other.close()
    assert {f.state for f in found} == {"ok"} and 2 <= site.book.most <= 3


def test_bodies_are_not_asked_for_where_the_head_will_do(site):
    check([site.url("fine")])
    assert site.book.asked == [("HEAD", "fine")]


def test_a_site_that_lets_nobody_in_is_unreachable_and_asked_once(site, closed):
    found = check([site.url("fine"), closed + "a", closed + "b"])
    assert [f.state for f in found] == ["ok", "unreachable", "unreachable"]
    assert {f.detail for f in found[1:]} == {"ConnectError"}


def test_offline_when_nothing_answers(tmp_path, site, closed):
    cache = tmp_path / "links.json"
    found = check([closed + "a", closed + "b", "ftp://x"], cache=cache)
    assert [f.state for f in found] == ["offline", "offline", "unreachable"]
    assert not cache.exists()


def test_a_portal_that_answers_for_a_few_is_no_network(site):
    dead = [Site() for _ in range(3)]
    for other in dead:
        other.close()
    urls = [site.url("gone"), *(other.url("x") for other in dead)]
    assert {f.state for f in check(urls)} == {"offline"}
    assert [f.state for f in check([site.url("gone")])] == ["gone"]
    assert [f.state for f in check([site.url("gone"), site.url("fine"), *urls[1:]])] == [
        "gone",
        "ok",
        *["unreachable"] * 3,
    ]


def test_a_network_that_swallows_everything_does_not_take_forever():
    urls = [f"http://192.0.2.{n}/" for n in range(1, 60)]  # TEST-NET-1: nobody is there
    start = time.monotonic()
    found = check(urls, timeout=0.5, concurrency=8)
    assert {f.state for f in found} == {"offline"} and time.monotonic() - start < 8


def test_answers_are_kept_and_asked_for_again_when_they_are_old(tmp_path, site):
    cache = tmp_path / "var" / "links.json"
    urls = [site.url("fine"), site.url("gone"), site.url("broken")]
    first = check(urls, cache=cache)
    assert {link["url"] for link in json.loads(cache.read_text("utf-8"))} == set(urls)
    site.book.asked.clear()
    again = check(urls, cache=cache, on=TODAY + timedelta(days=6))
    assert again[:2] == first[:2] and {p for _, p in site.book.asked} == {"broken"}
    site.book.asked.clear()
    later = check(urls, cache=cache, on=TODAY + timedelta(days=7))
    assert {p for _, p in site.book.asked} == {"fine", "gone", "broken"}
    assert {f.checked_on for f in later} == {"2026-11-29"}
    assert list(tmp_path.rglob("*.new")) == []


def test_what_was_kept_survives_being_offline_and_other_addresses(tmp_path, site, closed):
    cache = tmp_path / "links.json"
    check([site.url("fine")], cache=cache)
    before = cache.read_text("utf-8")
    fine, other = check([site.url("fine"), closed], cache=cache)
    assert (fine.state, other.state) == ("ok", "offline") and cache.read_text("utf-8") == before
    check([site.url("old")], cache=cache)
    assert len(json.loads(cache.read_text("utf-8"))) == 2


@pytest.mark.parametrize("text", ["{", "[1]", '[{"url": "x"}]', '{"a": 1}'])
def test_a_broken_memory_is_named(tmp_path, text):
    cache = tmp_path / "links.json"
    cache.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"links\.json: holds no results"):
        check(["ftp://x"], cache=cache)


def test_progress_is_told(site):
    told = []
    check([site.url("a"), site.url("b"), "ftp://x"], progress=lambda n, of: told.append((n, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_nothing_to_check():
    assert check([]) == []


@pytest.fixture
def command(monkeypatch, tmp_path):
    """`mianzheng catalogue links` over rows and FAQs with the given addresses."""
    from click.testing import CliRunner

    from bot.command import cli

    def call(rows, faqs, *words):
        held = SimpleNamespace(
            rows={i: SimpleNamespace(id=i, source_url=u) for i, u in rows.items()},
            faqs={i: SimpleNamespace(id=i, sources=({"title": "t", "url": u},)) for i, u in faqs.items()},
        )
        monkeypatch.setenv("MIANZHENG_DATA", str(tmp_path))
        monkeypatch.setattr("bot.catalogue_command._open", lambda: (held, None))
        return CliRunner().invoke(cli, ["catalogue", "links", *words], catch_exceptions=False)

    return call


def test_the_command_lists_what_is_wrong_and_who_names_it(site, command, tmp_path):
    rows = {"F901": site.url("fine"), "F902": site.url("old"), "F903": site.url("gone"), "F904": ""}
    found = command(rows, {"Q901": site.url("gone")})
    lines = found.output.splitlines()
    assert found.exit_code == 1
    assert any(x.startswith("moved") and site.url("new") in x and "F902" in x for x in lines)
    assert any(x.startswith("gone") and x.endswith("F903 Q901") for x in lines)
    assert "1 ok" in lines and "1 gone" in lines and (tmp_path / "links.json").exists()


def test_the_command_in_json(site, command):
    found = command({"F901": site.url("fine")}, {}, "--json")
    (link,) = json.loads(found.stdout.splitlines()[-1])
    assert found.exit_code == 0 and link["state"] == "ok" and link["named_by"] == ["F901"]


def test_the_command_offline_says_so_once_and_is_no_failure(closed, command):
    found = command({"F901": closed + "a", "F902": closed + "b"}, {})
    assert found.exit_code == 0 and found.output.count("offline: nothing answers") == 1
    assert "2 offline" in found.output and "F901" not in found.output
