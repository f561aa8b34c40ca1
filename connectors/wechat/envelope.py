"""What the platform's requests are wrapped in: signature, replay window, XML, and AES in compatible and safe mode.

Formats: the platform's developer guide, "Access" and "Encryption and decryption of messages".
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from wechatpy.crypto import PrpCrypto
from wechatpy.exceptions import InvalidAppIdException

from bot.settings import WeChatSettings

WINDOW = 300  # seconds that the platform's clock may differ from ours, either way
MAX_BODY = 64 * 1024  # bytes; real messages are below 10 KiB
MAX_FIELDS = 100


class Refused(Exception):
    """A request that is not answered: HTTP `status`, and nothing said about why."""

    def __init__(self, status: int):
        super().__init__(str(status))
        self.status = status


class _Crypto(PrpCrypto):
    def get_random_string(self) -> str:
        # wechatpy's own comes from a generator that can be foretold.
        return secrets.token_hex(8)


@dataclass(frozen=True)
class Envelope:
    """Opens and seals, with the account's `settings`."""

    settings: WeChatSettings

    def verify(self, query: Mapping[str, str], now: float | None = None) -> None:
        """Raise Refused 403 unless the query is signed with our token and its timestamp is of now, within 300 s."""
        stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12 and 0 < len(nonce) <= 128):
            raise Refused(403)
        if abs(int(stamp) - (time.time() if now is None else now)) > WINDOW:
            raise Refused(403)
        # In safe mode the signature over the sealed text counts, and is checked when it is opened.
        signature = query.get("signature")
        if signature is None and self.sealed(query):
            return
        if not _same(signature or "", _sign(self.settings.token, stamp, nonce)):
            raise Refused(403)

    @staticmethod
    def sealed(query: Mapping[str, str]) -> bool:
        """Return whether the query says that the body is encrypted."""
        return query.get("encrypt_type") == "aes"

    def open(self, query: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Return the message's fields, nested ones left out.

        With an AES key only sealed messages are taken. Raises Refused: 403 for a wrong signature or a message in the
        plain where it must not be, 400 for what cannot be decrypted or is not well-formed.
        """
        fields = read_xml(body)
        if not self.settings.aes_key:
            if "MsgType" not in fields:
                raise Refused(400)
            return fields
        if not self.sealed(query):
            raise Refused(403)
        sealed = fields.get("Encrypt", "")
        wanted = _sign(self.settings.token, query["timestamp"], query["nonce"], sealed)
        if not _same(query.get("msg_signature", ""), wanted):
            raise Refused(403)
        try:
            text = self._crypto().decrypt(sealed, self.settings.app_id)
        except (InvalidAppIdException, ValueError, IndexError, struct.error):
            raise Refused(400) from None
        return read_xml(text.encode())

    def seal(self, query: Mapping[str, str], text: str) -> str:
        """Return the XML `text` as it is to be sent back: encrypted if the request was."""
        if not (self.settings.aes_key and self.sealed(query)):
            return text
        sealed = self._crypto().encrypt(text, self.settings.app_id).decode()
        stamp, nonce = str(int(time.time())), secrets.token_hex(8)
        signature = _sign(self.settings.token, stamp, nonce, sealed)
        return (
            f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
            f"<TimeStamp>{stamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    def _crypto(self) -> _Crypto:
        import base64

        return _Crypto(base64.b64decode(self.settings.aes_key + "="))


def read_xml(body: bytes) -> dict[str, str]:
    """Return the fields below the root of `body`. Raises Refused 400 for anything but plain, flat, UTF-8 XML.

    No document type, entity or outside reference is taken, declared or used.
    """
    try:
        body.decode("utf-8")
        root = fromstring(body, forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError, LookupError):
        raise Refused(400) from None
    if root.tag != "xml" or len(root) > MAX_FIELDS:
        raise Refused(400)
    return {child.tag: child.text or "" for child in root if len(child) == 0}


def text_xml(to: str, from_: str, text: str) -> str:
    """Return a text reply; `text` holds only characters that XML can hold."""
    return (
        f"<xml><ToUserName>{_cdata(to)}</ToUserName><FromUserName>{_cdata(from_)}</FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content>{_cdata(text)}</Content></xml>"
    )


def _cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
