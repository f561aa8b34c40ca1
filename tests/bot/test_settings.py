"""Settings from the environment."""

import pytest

from bot.settings import ROOT, SettingsError, read_settings

NAMES = [
    "PORT", "RASA_PORT", "ACTIONS_PORT", "HOST", "DATA", "MODELS", "DEADLINE", "RATE", "TRUSTED_PROXIES",
    "CASEBOOK_KEY", "CASEBOOK_URL", "CREDIT_URL", "CREDIT_SECRET", "SHARED_DATA_URL", "SHARED_DATA_SECRET",
    "NOTIFY_URL", "NOTIFY_SECRET", "PERSON_RATE", "REDIS_URL", "PUBLIC_URL",
    "WECHAT_TOKEN", "WECHAT_APP_ID", "WECHAT_AES_KEY", "WECHAT_APP_SECRET", "WECHAT_API_BASE",
]  # fmt: skip


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


def test_the_casebook_lies_below_the_data_unless_said_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("MIANZHENG_DATA", str(tmp_path))
    found = read_settings()
    assert found.casebook_url == f"sqlite:///{tmp_path.resolve()}/casebook.db" and found.is_local
    assert found.casebook_keys == () and found.public_base == "http://127.0.0.1:8080"
    monkeypatch.setenv("MIANZHENG_CASEBOOK_URL", "postgresql://book@db/book")
    monkeypatch.setenv("MIANZHENG_CASEBOOK_KEY", "new, old,")
    monkeypatch.setenv("MIANZHENG_PUBLIC_URL", "https://zj.example/mz/")
    found = read_settings()
    assert not found.is_local and found.casebook_keys == ("new", "old")
    assert found.public_base == "https://zj.example/mz"
    assert "book@db" not in repr(found) and "old" not in repr(found)


def test_a_process_that_others_reach_is_not_local(monkeypatch):
    monkeypatch.setenv("MIANZHENG_HOST", "0.0.0.0")
    assert not read_settings().is_local
    monkeypatch.setenv("MIANZHENG_HOST", "::1")
    assert read_settings().is_local and read_settings().public_base == "http://[::1]:8080"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CASEBOOK_URL", "mysql://x"),
        ("PUBLIC_URL", "zj.example"),
        ("PUBLIC_URL", "javascript:alert(1)"),
        ("CREDIT_URL", "ftp://x"),
        ("CREDIT_URL", "http://elsewhere.example"),
        ("NOTIFY_URL", "http://elsewhere.example"),
        ("SHARED_DATA_URL", "http://127.0.0.1:9"),
    ],
)
def test_a_bad_address_of_a_service_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"MIANZHENG_{name}", value)
    with pytest.raises(SettingsError, match=f"MIANZHENG_{name.split('_URL')[0]}"):
        read_settings()


def test_a_service_needs_a_secret(monkeypatch):
    monkeypatch.setenv("MIANZHENG_CREDIT_URL", "https://credit.example/")
    monkeypatch.setenv("MIANZHENG_CREDIT_SECRET", "short")
    with pytest.raises(SettingsError, match="MIANZHENG_CREDIT_SECRET"):
        read_settings()
    monkeypatch.setenv("MIANZHENG_CREDIT_SECRET", "long enough, at least")
    found = read_settings()
    assert found.credit_url == "https://credit.example" and "long enough" not in repr(found)


def test_an_account_is_read(monkeypatch):
    assert read_settings().wechat.token == ""
    key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    for name, value in {"TOKEN": "t", "APP_ID": "wx1", "AES_KEY": key, "APP_SECRET": "s"}.items():
        monkeypatch.setenv(f"MIANZHENG_WECHAT_{name}", value)
    found = read_settings().wechat
    assert (found.token, found.app_id, found.aes_key, found.app_secret) == ("t", "wx1", key, "s")
    assert found.api_base == "https://api.weixin.qq.com"


@pytest.mark.parametrize("value", ["short", "=" * 43, "字" * 43, "a" * 44])
def test_a_bad_key_is_named_and_not_shown(monkeypatch, value):
    monkeypatch.setenv("MIANZHENG_WECHAT_APP_ID", "wx1")
    monkeypatch.setenv("MIANZHENG_WECHAT_AES_KEY", value)
    with pytest.raises(SettingsError, match="MIANZHENG_WECHAT_AES_KEY") as raised:
        read_settings()
    assert value not in str(raised.value)


@pytest.mark.parametrize("name", ["AES_KEY", "APP_SECRET"])
def test_a_key_without_the_account_it_is_for_is_an_error(monkeypatch, name):
    monkeypatch.setenv(f"MIANZHENG_WECHAT_{name}", "a" * 43)
    with pytest.raises(SettingsError, match="MIANZHENG_WECHAT_APP_ID"):
        read_settings()


@pytest.mark.parametrize("name, value", [("REDIS_URL", "http://x"), ("REDIS_URL", "redis:"), ("PUBLIC_URL", "page.example"), ("PUBLIC_URL", "javascript:x"), ("WECHAT_API_BASE", "ftp://x")])  # fmt: skip
def test_a_bad_address_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"MIANZHENG_{name}", value)
    with pytest.raises(SettingsError, match=f"MIANZHENG_{name}"):
        read_settings()


def test_addresses_lose_their_last_slash(monkeypatch):
    monkeypatch.setenv("MIANZHENG_PUBLIC_URL", "https://page.example/")
    assert read_settings().public_url == "https://page.example"


def test_a_bad_rate_for_a_person_is_named(monkeypatch):
    monkeypatch.setenv("MIANZHENG_PERSON_RATE", "often")
    with pytest.raises(SettingsError, match="MIANZHENG_PERSON_RATE"):
        read_settings()


def test_portals_are_read(monkeypatch):
    assert read_settings().embed_origins == ()
    monkeypatch.setenv(
        "MIANZHENG_EMBED_ORIGINS", "https://portal.example, https://a-b.example:8443,http://localhost:1"
    )
    found = read_settings().embed_origins
    assert found == ("https://portal.example", "https://a-b.example:8443", "http://localhost:1")


@pytest.mark.parametrize(
    "value",
    ["*", "https://*.portal.example", "portal.example", "http://portal.example", "https://portal.example/", "https://portal.example/page", "https://Portal.example",
     "https://a@portal.example", "https://portal.example; script-src *", "https://portal..example", "https://portal.example:0", "https://门户.example", "'self'", "https://"],
)  # fmt: skip
def test_a_portal_that_is_not_an_exact_origin_is_named(monkeypatch, value):
    monkeypatch.setenv("MIANZHENG_EMBED_ORIGINS", f"https://good.example,{value}")
    with pytest.raises(SettingsError, match="MIANZHENG_EMBED_ORIGINS"):
        read_settings()
