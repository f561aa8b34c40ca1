"""The supervisor: ports, restarts, an end that leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from bot import processes
from bot.processes import Child, StartError, check_port

from ..support import ROOT, free_ports, marked, wait_for


def test_a_taken_port_is_one_clear_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=rf"^port {port} .*MIANZHENG_PORT.*\.$"):
            check_port("127.0.0.1", port, "MIANZHENG_PORT")
    check_port("127.0.0.1", port, "MIANZHENG_PORT")


@pytest.mark.parametrize("host", ["no.such.host.invalid", "300.1.1.1"])
def test_a_host_that_cannot_be_is_one_clear_sentence(host):
    with pytest.raises(StartError):
        check_port(host, free_ports(1)[0], "MIANZHENG_HOST")


def test_three_processes_none_of_them_open_but_the_web(here):
    group = processes.children(here, ROOT / "models" / "x.tar.gz")
    assert [c.name for c in group] == ["action server", "rasa", "web"]
    rasa = group[1].command
    assert rasa[rasa.index("--interface") + 1] == "127.0.0.1"
    assert group[0].environment["SANIC_HOST"] == "127.0.0.1"
    assert all(c.environment["RASA_TELEMETRY_ENABLED"] == "false" for c in group)
    assert all("--debug" not in c.command and "-vv" not in c.command for c in group)


def child(code, mark="none"):
    return Child("one", [sys.executable, "-c", code], {**os.environ, "MIANZHENG_TEST_MARK": mark})


def test_a_child_that_keeps_dying_is_restarted_ever_more_slowly(monkeypatch, capsys):
    now = [1000.0]
    monkeypatch.setattr(processes.time, "monotonic", lambda: now[0])
    one = child("raise SystemExit(3)")
    one.start()
    waits = []
    for _ in range(8):
        assert one.process
        one.process.wait(10)
        processes._keep(one)
        waits.append(one.retry_at - now[0])
        now[0] = one.retry_at - 0.01
        before = one.process
        processes._keep(one)
        assert one.process is before, "too early"
        now[0] = one.retry_at
        processes._keep(one)
        assert one.process is not before
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert "status 3" in capsys.readouterr().err
    now[0] += processes.STEADY + 1
    one.process.wait(10)
    processes._keep(one)
    assert one.retry_at - now[0] == 1, "it had been well for a while"


GROUP = """
    import os, sys
    from bot import processes
    from bot.processes import Child
    sleeper = "import time; time.sleep(600)"
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    family = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    processes.children = lambda settings, model: [Child(n, [sys.executable, "-c", c], dict(os.environ)) for n, c in
        (("sleeper", sleeper), ("stubborn", stubborn), ("family", family))]
    processes.GRACE = 1.0
    from bot.settings import read_settings
    sys.exit(processes.supervise(read_settings(), None))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_whole_group(number):
    web, rasa, actions = map(str, free_ports(3))
    mark = f"group-{number}-{web}"
    environment = {
        **os.environ,
        "MIANZHENG_PORT": web,
        "MIANZHENG_RASA_PORT": rasa,
        "MIANZHENG_ACTIONS_PORT": actions,
        "MIANZHENG_TEST_MARK": mark,
    }
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(GROUP)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as group:
        assert wait_for(lambda: len(marked(mark)) == 5, 15), marked(mark)
        time.sleep(0.3)
        group.send_signal(number)
        assert group.wait(15) == 0
    assert not wait_for(lambda: not marked(mark), 3) or not marked(mark), marked(mark)
    assert not marked(mark)
