"""The keys that people's data is sealed with: AES-256-GCM, one fresh key per record, the key's id in the header.

A sealed text is: version (1), key id (8), salt (16), ciphertext and tag. The record's own key is HMAC-SHA256 of the
salt under the named key, so no nonce is ever used twice, however many records there are. Keys never leave this module
but to the key file, which only its owner may read. Never logs or shows a key, nor anything that it opened.
"""

import hmac
import json
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import GatewayError

_VERSION = b"\x01"
_ID_LENGTH = 8
_SALT_LENGTH = 16
_TAG_LENGTH = 16
OVERHEAD = len(_VERSION) + _ID_LENGTH + _SALT_LENGTH + _TAG_LENGTH
"""By how many bytes a sealed text is longer than the plain one."""

_NONCE = bytes(12)  # Each record has its own key, so one fixed nonce is used once.
_KEEP = "Put the key file back from its backup; without it what was sealed cannot be read"


class SealBroken(GatewayError):
    """A sealed record does not open: another key, another place, or changed bytes."""


class Keyring:
    """Sealing keys by id, of which one is current, and one key for lookups, which stays for the database's life."""

    def __init__(self, keys: dict[str, bytes], current: str, lookup: bytes) -> None:
        assert current in keys, "the current key is one of the ring"
        self._keys = keys
        self._current = current
        self._lookup = lookup

    @classmethod
    def create(cls) -> "Keyring":
        """Fresh random keys, in memory only."""
        key_id = secrets.token_hex(_ID_LENGTH // 2)
        return cls({key_id: secrets.token_bytes(32)}, key_id, secrets.token_bytes(32))

    @classmethod
    def load(cls, path: str | Path) -> "Keyring":
        """Read a key file. Raises GatewayError where it is missing, open to others, or not a key file."""
        path = Path(path)
        try:
            mode = path.stat().st_mode & 0o777
            text = path.read_text("utf-8")
        except OSError as error:
            raise GatewayError(f"the key file {path} cannot be read ({error.strerror})", fix=_KEEP) from error
        if mode & 0o077:
            raise GatewayError(
                f"the key file {path} is open to others (mode {mode:o})", fix=f"Run: chmod 600 {path}", where=str(path)
            )
        try:
            held = json.loads(text)
            keys = {key_id: b64decode(key, validate=True) for key_id, key in held["keys"].items()}
            ring = cls(keys, held["current"], b64decode(held["lookup"], validate=True))
        except (ValueError, KeyError, AttributeError, TypeError, AssertionError) as error:
            raise GatewayError(f"{path} is not a key file", fix=_KEEP) from error
        if any(len(key) != 32 for key in (*keys.values(), ring._lookup)):
            raise GatewayError(f"{path} holds a key that has not 32 bytes", fix=_KEEP)
        return ring

    @classmethod
    def load_or_create(cls, path: str | Path) -> "Keyring":
        """Read the key file, or make one (mode 600) where there is none; of two that make it at once, one wins."""
        path = Path(path)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = cls.create()._write(path)
            try:
                os.link(fresh, path)  # Fails where somebody else was quicker: theirs is the one.
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
                _settle(path.parent)
        return cls.load(path)

    def rotate(self, path: str | Path) -> "Keyring":
        """A ring with one more key, which is current from now on, written to the file; the old ones still open."""
        key_id = secrets.token_hex(_ID_LENGTH // 2)
        ring = Keyring({**self._keys, key_id: secrets.token_bytes(32)}, key_id, self._lookup)
        path = Path(path)
        ring._write(path).replace(path)
        _settle(path.parent)
        return ring

    def _write(self, path: Path) -> Path:
        shown: dict[str, Any] = {
            "keys": {key_id: b64encode(key).decode() for key_id, key in self._keys.items()},
            "current": self._current,
            "lookup": b64encode(self._lookup).decode(),
        }
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(shown, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        return fresh

    @property
    def current(self) -> str:
        """The id of the key that seals from now on."""
        return self._current

    def seal(self, plain: bytes, context: str) -> bytes:
        """Seal for one place: ``context`` (the record's id) is not stored, and opening needs the same one."""
        salt = secrets.token_bytes(_SALT_LENGTH)
        header = _VERSION + self._current.encode() + salt
        return header + AESGCM(self._record_key(self._current, salt)).encrypt(_NONCE, plain, header + context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Open what ``seal`` made. Raises SealBroken on a missing key, changed bytes or another place."""
        end = OVERHEAD - _TAG_LENGTH
        header, key_id, salt = sealed[:end], self.key_id(sealed), sealed[1 + _ID_LENGTH : end]
        if sealed[:1] != _VERSION or key_id not in self._keys:
            raise SealBroken(f"{context} is sealed with key {key_id!r}, which is not in the key file", fix=_KEEP)
        try:
            return AESGCM(self._record_key(key_id, salt)).decrypt(_NONCE, sealed[end:], header + context.encode())
        except InvalidTag:
            raise SealBroken(
                f"{context} does not open: its bytes were changed after it was sealed",
                fix="Restore it from a backup, and find out who writes to the gateway's storage",
            ) from None

    @staticmethod
    def key_id(sealed: bytes) -> str:
        """The id of the key that sealed this."""
        return sealed[1 : 1 + _ID_LENGTH].decode("ascii", "replace")

    def fingerprint(self, *values: str) -> str:
        """A keyed hash (HMAC-SHA256, hex) to find equal values by; it says nothing without the key."""
        text = "".join(f"{len(value)}:{value}" for value in values)
        return hmac.digest(self._lookup, text.encode(), "sha256").hex()

    def content_hash(self) -> "hmac.HMAC":
        """The running keyed hash that payloads are named by."""
        return hmac.new(self._lookup, b"payload:", "sha256")

    def _record_key(self, key_id: str, salt: bytes) -> bytes:
        return hmac.digest(self._keys[key_id], b"record:" + salt, "sha256")


def _settle(folder: Path) -> None:
    """Wait until the folder's names are on the disk: data sealed with a key that a power cut forgot is lost."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
