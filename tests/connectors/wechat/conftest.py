"""The web process in this process with an account, Rasa down, and a request as the platform sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from bot.settings import WeChatSettings

from .standin import Account, message_xml

ACCOUNT = Account()


@pytest.fixture(scope="session")
def account() -> Account:
    """The account of all tests."""
    return ACCOUNT


@pytest.fixture(scope="session", params=["plain", "safe"])
def mode(request) -> str:
    """How messages come."""
    return request.param


@pytest.fixture(scope="session")
def wechat_web(
    make_client: Callable[..., TestClient], mode: str, tmp_path_factory, here
) -> Iterator[TestClient]:
    """One application with an account for all tests of a mode; its data folder is its own."""
    data = tmp_path_factory.mktemp(f"data-{mode}")
    (data / "catalogue").symlink_to(here.data / "catalogue")
    (data / "scenes.yml").write_text(
        "hall-1: {office: 西湖区行政服务中心, region: '330106'}\n", encoding="utf-8"
    )
    keys = WeChatSettings(ACCOUNT.token, ACCOUNT.app_id, ACCOUNT.aes_key if mode == "safe" else "")
    with make_client(
        wechat=keys, data=data, public_url="https://page.example", casebook_url_given=""
    ) as client:
        yield client


@pytest.fixture
def send(wechat_web: TestClient, mode: str) -> Callable[..., str]:
    """Send one message that must be taken, and return the text of the reply."""

    def one(openid: str, kind: str = "text", **fields: str) -> str:
        query, body = ACCOUNT.wrap(message_xml(openid, kind, **fields), mode)
        response = wechat_web.post("/wechat/callback", params=query, content=body)
        assert response.status_code == 200, response.status_code
        if response.content == b"success":
            return ""
        read = ACCOUNT.unwrap(response.content, mode)
        assert (
            read["ToUserName"] == openid
            and read["FromUserName"] == "gh_account"
            and read["MsgType"] == "text"
        )
        assert len(read["Content"].encode()) <= 2048
        return read["Content"]

    return one
