"""tests/install.sh: nothing to do, something to install, or one clear sentence."""

import shutil
import subprocess

import pytest

from .support import ROOT

SCRIPT = ROOT / "tests" / "install.sh"


@pytest.fixture
def shell(tmp_path):
    """Run the script with a PATH that holds only what a test puts there."""
    tools = tmp_path / "bin"
    tools.mkdir()

    def run(what="browser", **programs):
        for name in ("bash", "id", "touch"):
            if not (tools / name).exists():
                (tools / name).symlink_to(shutil.which(name))
        for name, body in programs.items():
            (tools / name.replace("_", "-")).write_text(f"#!{shutil.which('bash')}\n{body}\n")
            (tools / name.replace("_", "-")).chmod(0o755)
        text = SCRIPT.read_text()
        for place in ("/usr/bin/chromium", "/usr/lib/postgresql"):
            text = text.replace(place, str(tmp_path / "none"))
        environment = {"PATH": str(tools), "STATE": str(tmp_path)}
        return subprocess.run(
            [shutil.which("bash"), "-c", text, "install.sh", what],
            env=environment,
            capture_output=True,
            text=True,
        )

    return run


FONTS = "[ -e $STATE/fonts ] && echo Noto || true"


def test_nothing_to_do(shell):
    found = shell(chromium="", fc_list="echo Noto", apt_get="touch $STATE/called")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_nothing_to_do_for_tools(shell):
    found = shell("tools", initdb="", pdftoppm="", apt_get="touch $STATE/called")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_missing_tools_are_installed(shell, tmp_path):
    apt = 'echo "$*" >> $STATE/calls'
    found = shell("tools", pdftoppm="", apt_get=apt, id="echo 0")
    assert found.returncode == 1 and "cannot find them" in found.stderr
    assert "postgresql poppler-utils" in (tmp_path / "calls").read_text()


@pytest.mark.parametrize("what", ["", "everything"])
def test_it_must_be_told_what(shell, what):
    found = shell(what)
    assert found.returncode == 1 and "browser|tools" in found.stderr


def test_it_is_executable():
    assert SCRIPT.stat().st_mode & 0o111


def test_what_is_missing_is_installed(shell, tmp_path):
    apt = 'echo "$*" >> $STATE/calls; case "$1" in install) touch $STATE/fonts;; esac'
    found = shell(chromium="", fc_list=FONTS, apt_get=apt, id="echo 0")
    assert found.returncode == 0, found.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert (
        calls[0].startswith("update")
        and "chromium" in calls[1]
        and "fonts-noto-cjk" in calls[1]
        and "-y" in calls[1]
    )


def test_with_sudo_where_it_is_not_root(shell, tmp_path):
    apt = 'case "$1" in install) touch $STATE/fonts;; esac'
    found = shell(chromium="", fc_list=FONTS, apt_get=apt, id="echo 1000", sudo='touch $STATE/sudo; "$@"')
    assert found.returncode == 0 and (tmp_path / "sudo").exists(), found.stderr


@pytest.mark.parametrize(
    "programs",
    [
        {},
        {"apt_get": "exit 100", "id": "echo 0"},
        {"apt_get": "exit 0", "id": "echo 1000"},
        {"apt_get": "exit 0", "id": "echo 0"},
    ],
)
def test_otherwise_one_clear_sentence(shell, programs):
    found = shell(chromium="", fc_list=FONTS, **programs)
    assert found.returncode == 1 and found.stderr.count("\n") == 1
    assert "chromium" in found.stderr and "fonts-noto-cjk" in found.stderr
