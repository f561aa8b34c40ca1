"""Keys of the casebook: personal fields are sealed with AES-256-GCM, id numbers can be looked up by a keyed hash."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..settings import Settings
from .errors import CasebookError

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_BYTES = 4


class Key:
    """One secret of 32 bytes and what is derived from it: a sealing key, a look-up key and a key for letters."""

    def __init__(self, secret: bytes) -> None:
        self.id = self._derive(secret, "id")[:_ID_BYTES]
        self.sealer = AESGCM(self._derive(secret, "seal"))
        self.lookup = self._derive(secret, "lookup")
        self.letters = self._derive(secret, "letters")

    @staticmethod
    def _derive(secret: bytes, purpose: str) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"mianzheng casebook " + purpose.encode()).derive(
            secret
        )

    @classmethod
    def parse(cls, text: str, where: str) -> Key:
        """Return the key written as URL-safe base64. Raises CasebookError naming `where`, never the text."""
        try:
            secret = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            raise CasebookError(
                f"{where} holds something that is not a key of {KEY_BYTES} bytes in URL-safe base64"
            )
        return cls(secret)


def new_key() -> str:
    """Return a fresh key as text, fit for MIANZHENG_CASEBOOK_KEY."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


class Sealer:
    """Seals with the newest key and opens with any; what is sealed for one place cannot be opened as another's."""

    def __init__(self, keys: list[Key]) -> None:
        self.keys = {key.id: key for key in keys}
        self.newest = keys[0]

    def seal(self, data: bytes, place: str) -> bytes:
        """Return `data` sealed for `place` (table and reference)."""
        nonce = os.urandom(_NONCE_BYTES)
        return self.newest.id + nonce + self.newest.sealer.encrypt(nonce, data, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for `place`. Raises CasebookError if its key is missing or a byte was changed."""
        key = self.keys.get(sealed[:_ID_BYTES])
        if key is None:
            raise CasebookError(f"{place} is sealed with a key that is not in MIANZHENG_CASEBOOK_KEY")
        start = _ID_BYTES + _NONCE_BYTES
        try:
            return key.sealer.decrypt(sealed[_ID_BYTES:start], sealed[start:], place.encode())
        except InvalidTag:
            raise CasebookError(f"{place} was changed outside the casebook: its seal is broken") from None

    def seal_fields(self, fields: dict[str, Any], place: str) -> bytes:
        """Return `fields` as JSON, sealed for `place`."""
        return self.seal(json.dumps(fields, ensure_ascii=False, sort_keys=True).encode(), place)

    def open_fields(self, sealed: bytes | None, place: str) -> dict[str, Any]:
        """Return the fields sealed for `place`; none if nothing is there any more."""
        return json.loads(self.open(sealed, place)) if sealed else {}

    def is_newest(self, sealed: bytes) -> bool:
        """Say whether `sealed` was made with the newest key."""
        return sealed[:_ID_BYTES] == self.newest.id

    def lookup(self, id_number: str) -> str:
        """Return the keyed hash that stands for `id_number`, under the newest key."""
        return self._lookup(self.newest, id_number)

    def lookups(self, id_number: str) -> list[str]:
        """Return the hashes that stand for `id_number` under each key, for a search."""
        return [self._lookup(key, id_number) for key in self.keys.values()]

    @staticmethod
    def _lookup(key: Key, id_number: str) -> str:
        plain = "".join(id_number.split()).upper().encode()
        return f"{key.id.hex()}:{hmac.new(key.lookup, plain, hashlib.sha256).hexdigest()}"

    def mark(self, data: bytes) -> str:
        """Return a mark on `data` that only a holder of the newest key can make."""
        return self._mark(self.newest, data)

    def is_marked(self, data: bytes, mark: str) -> bool:
        """Say whether `mark` was made on exactly `data` by one of the keys."""
        key = next((k for k in self.keys.values() if mark.startswith(k.id.hex() + ":")), None)
        return key is not None and hmac.compare_digest(self._mark(key, data), mark)

    @staticmethod
    def _mark(key: Key, data: bytes) -> str:
        return f"{key.id.hex()}:{hmac.new(key.letters, data, hashlib.sha256).hexdigest()}"


def key_file(settings: Settings) -> Path:
    """Return where the key of a casebook on this machine lies."""
    return settings.data / "casebook.key"


def read_keys(settings: Settings) -> Sealer:
    """Return the keys of the setting, else of the key file, which a first start on this machine makes.

    Raises CasebookError if there is none and the service is reachable from elsewhere or its data lies elsewhere,
    or if others on this machine may read the key file.
    """
    if settings.casebook_keys:
        return _sealer(settings.casebook_keys, "MIANZHENG_CASEBOOK_KEY")
    path = key_file(settings)
    if not path.exists():
        if not settings.is_local:
            raise CasebookError(
                "MIANZHENG_CASEBOOK_KEY is missing: a key is made only where the web process listens on loopback "
                "and the casebook is SQLite; make one with 'mianzheng casebook new-key'"
            )
        _make(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise CasebookError(f"{path} may be read by others; take their rights away (chmod 600)")
    return _sealer(tuple(path.read_text(encoding="ascii").replace(",", "\n").split()), str(path))


@functools.lru_cache(maxsize=8)
def _sealer(texts: tuple[str, ...], where: str) -> Sealer:
    if not texts:
        raise CasebookError(f"{where} holds no key")
    return Sealer([Key.parse(text, where) for text in texts])


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(new_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link fails where another process was first, and never shows half a key.
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
