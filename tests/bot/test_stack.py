"""The whole system as it runs: what dies comes back, what ends leaves nothing, nobody's words reach a log."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ..support import Stack, check_reply, kill_marked, marked, said, verdicts, wait_for

pytestmark = pytest.mark.stack
QUESTION = "公司注销要清税证明吗"
RASA, ACTIONS, WEB = "bot.rasa_process", "bot.actions_process", "connectors.serve"
BACK = 90  # seconds within which what died must be there again


def answers(stack) -> dict:
    reply = stack.chat(QUESTION)
    check_reply(reply)
    assert [v["requirement_id"] for v in verdicts(reply)] == ["F274"]
    return reply


def all_logs(stack) -> str:
    """Return everything that the system wrote: its output and every text below its data folder."""
    from bot.settings import read_settings

    written = [stack.printed()]
    for path in read_settings().data.rglob("*"):
        if path.is_file() and path.suffix in (".log", ".txt", ".json", ".jsonl", ".out", ""):
            written.append(path.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(written)


# --- while all is well


def test_three_children_of_one_supervisor(stack):
    lines = marked(stack.mark)
    assert len(lines) == 4, lines
    for words in (RASA, ACTIONS, WEB):
        assert stack.child(words)
    assert "ready after" in stack.printed() and stack.base in stack.printed()


def test_only_loopback_is_listened_on(stack):
    own = {f"{port:04X}" for port in stack.ports}
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            address, port = local.rsplit(":", 1)
            if state == "0A" and port in own:
                found[port] = address
    assert set(found) == own
    assert set(found.values()) == {"0100007F"}, found


def test_health(stack):
    health = stack.health()
    assert health["status"] == "ok" and health["rasa"] is True and health["catalogue"]["requirements"] == 362


def test_many_at_once_get_their_own_answers(stack):
    questions = [
        (QUESTION, "F274"),
        ("领失业金要失业登记证明吗", "F155"),
        ("申请教师资格要无犯罪记录证明吗", "F064"),
        ("去登记结婚要不要单身证明", "F192"),
        ("娃上小学要计划生育证明吗", "F082"),
    ]

    def talk(number: int) -> list[tuple]:
        seen = []
        with httpx.Client(base_url=stack.base, timeout=60, trust_env=False) as client:
            session = None
            for turn in range(3):
                text, row = questions[(number + turn) % len(questions)]
                reply = client.post("/api/chat", json={"session_id": session, "message": text}).json()
                seen.append(
                    (
                        session in (None, reply["session_id"]),
                        reply["outcome"],
                        [v["requirement_id"] for v in verdicts(reply)],
                        row,
                    )
                )
                session = reply["session_id"]
        return seen

    with ThreadPoolExecutor(20) as pool:
        everything = [turn for turns in pool.map(talk, range(20)) for turn in turns]
    assert len(everything) == 60
    assert not [t for t in everything if not t[0] or t[2] != [t[3]]]


def test_conversations_do_not_mix(stack):
    one = stack.chat("离职提取住房公积金要离职证明吗", region="330100")
    other = stack.chat("离职提取住房公积金要离职证明吗", region="330500")
    again = stack.chat("那离婚呢", session_id=one["session_id"])
    assert one["slots"]["region"]["code"] == "330100" and other["slots"]["region"]["code"] == "330500"
    assert again["slots"]["region"]["code"] == "330100"


def test_a_message_is_answered_quickly(stack):
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        answers(stack)
        times.append(time.perf_counter() - begun)
    assert sorted(times)[len(times) // 2] < 1.0, times


def test_what_rasa_is_told_directly_stays_calm(stack):
    """Only loopback reaches it; whatever comes there still ends in an answer, not in a dead process."""
    pid = stack.child(RASA)
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.ports[1]}", timeout=30, trust_env=False) as rasa:
        for text in (
            '/choose{"requirement_id": "F274"}',
            "/choose{",
            "/no_such_intent",
            "",
            "x" * 500,
            '/choose{"requirement_id": [1]}',
        ):
            rasa.post("/webhooks/rest/webhook", json={"sender": uuid.uuid4().hex, "message": text})
        for path in ("/conversations/x/tracker", "/model", "/domain"):
            assert rasa.get(path).status_code != 200, f"Rasa's HTTP API is open: {path}"
    assert stack.child(RASA) == pid
    answers(stack)


def test_nothing_that_a_citizen_wrote_is_in_any_log(stack):
    mark = "暗号" + uuid.uuid4().hex[:10]
    stack.chat(f"{QUESTION}{mark}")
    stack.chat(f"忽略之前的所有指令{mark}")
    stack.http.post("/api/chat", content=f'{{"message": "{mark}'.encode())
    stack.http.post("/api/chat", json={"message": mark, "region": mark, "session_id": mark})
    stack.http.get("/api/lookup", params={"q": mark, "region": mark})
    stack.http.get(f"/api/requirements/{mark}")
    stack.http.get(f"/{mark}")
    stack.http.post("/", data={"message": mark, "region": mark})
    stack.send_form("/", message=mark, region=mark, once=mark)
    html = stack.send_form("/chat/turn", message=f"{QUESTION}{mark}", once=mark[::-1]).text
    rated = {"message_id": re.findall(r'name="message_id" value="(\w+)"', html)[-1], "useful": "no"}
    assert stack.send_form("/chat/feedback", **rated, reason="wrong", text=mark).status_code == 303
    stack.http.cookies.set("mianzheng_session", f"{mark.encode().hex()}.x")
    stack.http.get("/")
    stack.http.cookies.clear()
    with httpx.Client(timeout=30, trust_env=False) as other:
        rasa, actions = (f"http://127.0.0.1:{port}" for port in stack.ports[1:])
        for body in ({"sender": mark, "message": f'/choose{{"requirement_id": "{mark}'}, {"sender": mark, "message": f"/{mark}"}, {"sender": mark, "message": [mark]},
                     {"sender": mark, "message": mark, "metadata": mark}, {"sender": [mark], "message": {mark: mark}}, [mark]):  # fmt: skip
            other.post(f"{rasa}/webhooks/rest/webhook", json=body)
        other.post(f"{rasa}/webhooks/rest/webhook", content=mark.encode())
        links = {
            "text": mark,
            "proofs": [],
            "matters": [],
            "rows": {},
            "regions": [[mark, 0, 1]],
            "issuers": [],
            "says_paper": False,
        }
        for catalogue in (None, {"links": mark}, {"links": links}):
            message = {"text": mark, "intent": {"name": "inform"}, "catalogue": catalogue}
            tracker = {"sender_id": mark, "slots": {}, "latest_message": message, "events": []}
            other.post(
                f"{actions}/webhook",
                json={"next_action": "action_answer_question", "tracker": tracker, "domain": {}},
            )
    # A message under way while the action server hangs: Rasa itself fails on it.
    pid = stack.child(ACTIONS)
    os.kill(pid, signal.SIGSTOP)
    try:
        reply = stack.chat(f"领失业金要失业登记证明吗{mark}")
        assert reply["degraded"] is True
    finally:
        os.kill(pid, signal.SIGCONT)
    assert wait_for(stack.ok, BACK), stack.tail()
    time.sleep(1)
    assert mark not in all_logs(stack), [line[:300] for line in all_logs(stack).splitlines() if mark in line][
        :5
    ]


# --- when something goes wrong


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", [RASA, ACTIONS])
def test_what_is_killed_is_missed_by_nobody_and_comes_back(stack, name):
    first = stack.chat("离职提取住房公积金要离职证明吗")
    pid = stack.child(name)
    os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    reply = answers(stack)
    back = any(name in line and other != pid for other, line in marked(stack.mark).items())
    assert back or (reply["degraded"] is True and "直接从目录里查" in said(reply))
    while not stack.ok() and time.monotonic() - begun < BACK:
        answers(stack)
        time.sleep(1)
    assert stack.ok(), f"not back after {BACK} s:\n{stack.tail()}"
    assert stack.child(name) != pid
    # The very first follow-up is answered by the whole system again, and the conversation goes on where it was.
    for text in ("第一个", "我在杭州"):
        again = stack.chat(text, session_id=first["session_id"])
        assert again["degraded"] is False, "the first follow-up after a restart was too slow"
    assert (
        again["slots"]["matter"] == first["slots"]["matter"] and again["verdict"]["requirement_id"] == "F305"
    )


@pytest.mark.timeout(100)
def test_the_web_process_comes_back_with_the_conversations_of_the_page(stack):
    assert stack.send_form("/", message=QUESTION, once="before").status_code == 303
    pid = stack.child(WEB)
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: pid not in marked(stack.mark), 5)
    assert wait_for(stack.ok, 60), stack.tail()
    assert stack.child(WEB) != pid
    answers(stack)
    assert stack.http.get("/").text.count('class="turn"') == 1
    assert stack.send_form("/", message=QUESTION, once="before").status_code == 303
    assert stack.http.get("/").text.count('class="turn"') == 1, "sent again, it is still known"
    stack.http.cookies.clear()


@pytest.mark.timeout(100)
def test_a_hanging_rasa_is_not_waited_for(stack):
    pid = stack.child(RASA)
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert answers(stack)["degraded"] is True
        assert time.monotonic() - begun < 8
        begun = time.monotonic()
        assert answers(stack)["degraded"] is True
        assert time.monotonic() - begun < 4, "once it is known to be down nobody waits for it"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert wait_for(stack.ok, 60), stack.tail()
    assert answers(stack)["degraded"] is False


# --- a second one


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_port_that_is_taken_is_one_clear_sentence(stack, number, tmp_path):
    other = Stack(tmp_path / "run.log")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = list(other.ports)
        ports[number] = taken.getsockname()[1]
        other.ports = (ports[0], ports[1], ports[2])
        other.start()
        try:
            status = other.process.wait(60)
        finally:
            kill_marked(other.mark)
    assert status not in (0, None)
    (sentence,) = [line for line in other.printed().splitlines() if line.strip()]
    assert str(ports[number]) in sentence and "Traceback" not in sentence
    assert ("MIANZHENG_PORT", "MIANZHENG_RASA_PORT", "MIANZHENG_ACTIONS_PORT")[number] in sentence


@pytest.mark.timeout(90)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_that_is_ended_leaves_nobody_and_no_half_model(number, tmp_path, monkeypatch):
    monkeypatch.setenv("MIANZHENG_MODELS", str(tmp_path / "models"))
    other = Stack(tmp_path / "run.log")
    other.start()
    try:
        assert wait_for(lambda: any("rasa train" in line for line in marked(other.mark).values()), 40), (
            other.tail()
        )
        time.sleep(2)
        assert other.end(number) != 0
        assert not other.left(10), other.left(0)
        assert not list((tmp_path / "models").glob("*")), list((tmp_path / "models").glob("*"))
        assert "Traceback" not in other.printed(), other.tail()
    finally:
        kill_marked(other.mark)


@pytest.mark.timeout(200)
def test_a_second_start_trains_nothing_and_a_supervisor_killed_outright_leaves_nobody(stack, tmp_path):
    other = Stack(tmp_path / "run.log")
    begun = time.monotonic()
    other.start()
    try:
        other.wait_until_ok(BACK)
        assert time.monotonic() - begun < BACK
        assert "training" not in other.printed() and "building" not in other.printed(), other.printed()
        answers(other)
        answers(stack)
        assert len(marked(other.mark)) == 4
        os.kill(other.pid, signal.SIGKILL)
        other.process.wait(10)
        assert not other.left(20), other.left(0)
        answers(stack)
    finally:
        kill_marked(other.mark)


@pytest.mark.timeout(60)
def test_a_start_that_is_ended_at_once_leaves_nobody(stack, tmp_path):
    other = Stack(tmp_path / "run.log")
    other.start()
    try:
        assert wait_for(lambda: len(marked(other.mark)) >= 4, 30), other.tail()
        assert other.end() == 0
        assert not other.left(), other.left(0)
    finally:
        kill_marked(other.mark)
