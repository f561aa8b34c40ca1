"""From nothing to an answer with one command, and at once the second time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bot.models import model_path

from .support import ROOT, Stack, check_reply, kill_marked, verdicts

pytestmark = pytest.mark.fresh_clone
# What set-up, the catalogue and training print when they have something to do.
WORK = ("making .venv", "installing", "environment ready", "building", "training")


class Clone(Stack):
    """`make run` in a clone, in an environment that knows nothing of this working copy."""

    folder: Path

    def environment(self) -> dict[str, str]:
        made = {k: v for k, v in super().environment().items() if not k.startswith(("PYTEST_", "MIANZHENG_DATA", "MIANZHENG_MODELS", "MAKE", "MFLAGS"))}  # fmt: skip
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "OMP_NUM_THREADS"):
            made.pop(name, None)
        made["PATH"] = os.pathsep.join(
            p for p in made["PATH"].split(os.pathsep) if not Path(p).is_relative_to(ROOT)
        )
        made["TMPDIR"] = str(self.folder.parent)
        return made

    def start(self) -> None:
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                ["make", "run"],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run_once(self, seconds: float) -> float:
        """Start, ask one question once it says that it is ready, end it as Ctrl-C does; return the seconds until ready."""
        begun = time.monotonic()
        self.start()
        assert self.process
        while "ready after" not in self.printed():
            assert self.process.poll() is None, (
                f"it ended with status {self.process.returncode}:\n{self.tail()}"
            )
            assert time.monotonic() - begun < seconds, f"not ready after {seconds:.0f} s:\n{self.tail()}"
            time.sleep(0.2)
        took = time.monotonic() - begun
        assert self.base in self.printed()
        reply = self.chat("公司注销要清税证明吗")
        check_reply(reply)
        assert [v["requirement_id"] for v in verdicts(reply)] == ["F274"] and reply["degraded"] is False
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(30)
        assert not self.left(10), self.left(0)
        return took


def keep_model(made: Path, wanted: Path) -> None:
    """Take the model over where the working copy lacks the very same: training it twice would take minutes."""
    if (made / wanted.name).exists() and not wanted.exists():
        wanted.parent.mkdir(exist_ok=True)
        half = wanted.with_suffix(".half")
        shutil.copyfile(made / wanted.name, half)
        half.rename(wanted)


@pytest.mark.timeout(1500)
def test_a_fresh_clone_runs_with_one_command_and_at_once_the_second_time(
    here, catalogue, tmp_path, record_property
):
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("no git")
    folder = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "--quiet", "--no-local", "--depth", "1", ROOT.as_uri(), str(folder)], check=True
    )
    clone = Clone(tmp_path / "run.log")
    clone.folder = folder
    try:
        first = clone.run_once(1100)
        printed = clone.printed()
        assert "making .venv" in printed and "training the model" in printed, printed
        assert "Traceback" not in printed and str(ROOT) not in printed, printed
        keep_model(folder / "models", model_path(here))
        second = clone.run_once(180)
        again = clone.printed()
        assert not [w for w in WORK if w in again], again
        tracked = subprocess.run(
            ["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True
        )
        assert tracked.stdout == "", f"running it leaves files that git sees:\n{tracked.stdout}"
    finally:
        kill_marked(clone.mark)
    record_property("fresh clone", f"ready after {first:.0f} s; the second time after {second:.0f} s")
