"""Settings from the environment."""

import pytest

from bot.settings import ROOT, SettingsError, read_settings

NAMES = ["PORT", "RASA_PORT", "ACTIONS_PORT", "HOST", "DATA", "MODELS", "DEADLINE", "RATE", "TRUSTED_PROXIES"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(f"MIANZHENG_{name}", raising=False)


def test_the_defaults():
    found = read_settings()
    assert (found.host, found.port) == ("127.0.0.1", 8080)
    assert found.data == ROOT / "var" and found.models == ROOT / "models"
    assert found.data == ROOT / "var"
    assert found.rasa_url == f"http://127.0.0.1:{found.rasa_port}" and found.actions_url.startswith(
        "http://127.0.0.1:"
    )
    assert found.trusted_proxies == ()


def test_empty_means_the_default(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(f"MIANZHENG_{name}", "")
    assert read_settings().port == 8080 and read_settings().data == ROOT / "var"


def test_values_are_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("MIANZHENG_PORT", "9000")
    monkeypatch.setenv("MIANZHENG_HOST", "0.0.0.0")
    monkeypatch.setenv("MIANZHENG_DATA", str(tmp_path))
    monkeypatch.setenv("MIANZHENG_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2,")
    found = read_settings()
    assert (found.host, found.port, found.data) == ("0.0.0.0", 9000, tmp_path.resolve())
    assert found.trusted_proxies == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize("name", ["PORT", "RASA_PORT", "ACTIONS_PORT"])
@pytest.mark.parametrize("value", ["abc", "0", "65536", "-1", "80.0", " ", "８０８０x", "99999999999"])
def test_a_bad_port_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"MIANZHENG_{name}", value)
    with pytest.raises(SettingsError, match=f"MIANZHENG_{name}"):
        read_settings()


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "-1", "0"])
def test_a_bad_deadline_is_named(monkeypatch, value):
    monkeypatch.setenv("MIANZHENG_DEADLINE", value)
    with pytest.raises(SettingsError, match="MIANZHENG_DEADLINE"):
        read_settings()


@pytest.mark.parametrize("value", ["lots", "0", "-5/minute", "5 per fortnightly"])
def test_a_bad_rate_is_named(monkeypatch, value):
    monkeypatch.setenv("MIANZHENG_RATE", value)
    with pytest.raises(SettingsError, match="MIANZHENG_RATE"):
        read_settings()


def test_two_processes_on_one_port_are_refused(monkeypatch):
    monkeypatch.setenv("MIANZHENG_PORT", "5005")
    monkeypatch.setenv("MIANZHENG_RASA_PORT", "5005")
    with pytest.raises(SettingsError, match=r"5005|MIANZHENG_RASA_PORT|MIANZHENG_PORT"):
        read_settings()
