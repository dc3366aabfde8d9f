"""One partner's keyring: GnuPG in a home of its own, and what it says in words of ours.

The home is a new folder of mode 700, filled from the configured keys and removed on closing, with the agent that GnuPG
starts in it. Plain content never lies on a disk but in a sealed spool, and never stands in an error or a log.
"""

import logging
import os
import shutil
import subprocess
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import gnupg

from gateway.errors import GatewayError, PartnerRefused
from gateway.transport.pgp.settings import PgpSettings
from gateway.transport.spool import Spool

logging.getLogger("gnupg").setLevel(logging.CRITICAL + 1)  # Its lines carry file names and the beginnings of content.

HOME = "gpg-"  # then the process and chance; a long path could not hold the agent's socket
PIECE = 256 * 1024
BAD_PASSPHRASE = 11  # GPG_ERR_BAD_PASSPHRASE of libgpg-error, in the lower half of its codes
_SAFE = (
    "--pinentry-mode",
    "loopback",
    "--no-auto-key-retrieve",
    "--no-auto-key-locate",
    "--weak-digest",
    "SHA1",
    "--digest-algo",
    "SHA256",
)
_PREFERRED = ("--personal-cipher-preferences", "AES256 AES192 AES", "--set-filename", "")
_TELLING = {  # GnuPG's doc/DETAILS: what explains a failure best, in this order
    "KEYEXPIRED": "a key of it has expired",
    "EXPKEYSIG": "the key that signed it has expired",
    "REVKEYSIG": "the key that signed it was revoked",
    "KEYREVOKED": "a key of it was revoked",
    "INV_RECP": "a key that it is to be encrypted to can't be used",
    "INV_SGNR": "the key that it is to be signed with can't be used",
    "NO_SECKEY": "it is encrypted to keys that are not ours",
    "BADSIG": "its signature does not fit its content",
    "EXPSIG": "its signature has expired",
    "NODATA": "it is no OpenPGP message",
    "UNEXPECTED": "it is no OpenPGP message, or more than one",
    "ERRSIG": "its signature is of an unknown key, or too weak an algorithm",
    "DECRYPTION_FAILED": "it can't be decrypted, or was altered",
}


class Unreadable(GatewayError):
    """A file of theirs that is not what was agreed on. Nothing of it may be used."""


class _Said(gnupg.Crypt):  # type: ignore[misc]  # It has no types.
    """All that GnuPG says of one call, as (keyword, value); nothing is shown."""

    def __init__(self, gpg: "_Gpg") -> None:
        super().__init__(gpg)
        self.lines: list[tuple[str, str]] = []
        self.without_passphrase = gpg.without_passphrase
        gpg.said = self

    def handle_status(self, key: str, value: str) -> None:
        self.lines.append((key, value))
        with suppress(Exception):  # What its own reading of a line stumbles over is judged from ``lines`` all the same.
            super().handle_status(key, value)

    def __contains__(self, key: str) -> bool:
        return any(each == key for each, _ in self.lines)

    def values(self, key: str) -> list[list[str]]:
        return [value.split() for each, value in self.lines if each == key]

    @property
    def fault(self) -> str:
        codes = [values[1] for key in ("FAILURE", "ERROR") for values in self.values(key) if len(values) > 1]
        wrong = any(each.isdigit() and int(each) & 0xFFFF == BAD_PASSPHRASE for each in codes)
        if wrong or (self.without_passphrase and "NEED_PASSPHRASE" in self):
            return "the passphrase of our key is missing or wrong"
        return next((words for key, words in _TELLING.items() if key in self), "GnuPG could not do it")


class _Gpg(gnupg.GPG):  # type: ignore[misc]  # It has no types.
    buffer_size = PIECE
    said: _Said
    without_passphrase = False


class _Feed:
    """Hands content to GnuPG, counts it, and keeps what went wrong: GnuPG would take a broken end for the end."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.size = 0
        self.error: BaseException | None = None

    def read(self, count: int) -> bytes:
        try:
            piece = self._source.read(count)
        except BaseException as error:
            self.error = error
            return b""
        self.size += len(piece)
        return piece


class Keyring:
    """Opens with its first use. Not for two threads at once. Raises PartnerRefused where a key of it can't be used."""

    def __init__(self, settings: PgpSettings) -> None:
        self._settings = settings
        self._closer: weakref.finalize[[str], Keyring] | None = None
        self._gpg: _Gpg | None = None
        # The loopback takes bytes as Latin-1; a passphrase is UTF-8.
        self._passphrase = settings.passphrase.encode().decode("latin-1") or None

    def encrypt(self, source: BinaryIO, size: int | None) -> Spool:
        """What ``source`` holds, for the partner, and signed where that is agreed on."""
        settings, feed, spool = self._settings, _Feed(source), Spool(folder=self._settings.spool)
        said = self._run(
            spool,
            "encrypt_file",
            feed,
            list(settings.encrypt_to),
            sign=settings.sign_with or None,
            always_trust=True,
            passphrase=self._passphrase if settings.sign_with else None,
            armor=settings.armor,
            extra_args=[*_PREFERRED],
        )
        if feed.error is not None:
            spool.close()
            if isinstance(feed.error, GatewayError):
                raise feed.error
            fix = "Look at the disk of the payload store"
            raise GatewayError("our own copy of the document cannot be read", fix=fix) from feed.error
        if size is not None and feed.size != size:
            spool.close()
            fix = "Nothing was sent; look at the payload store"
            raise GatewayError(f"our own copy of the document has {feed.size} bytes and not {size}", fix=fix)
        signed = not settings.sign_with or "SIG_CREATED" in said
        if said.returncode or "END_ENCRYPTION" not in said or not signed:
            spool.close()
            fix = "Nothing was sent. Look at the keys in [transport.pgp] and their dates; ask the partner for a new one"
            raise PartnerRefused(f"it can't be encrypted for the partner: {said.fault}", where="pgp", fix=fix)
        return spool

    def decrypt(self, source: BinaryIO, where: str) -> Spool:
        """The plain content, once its signature is proved. Raises Unreadable, and what reading ``source`` raises."""
        settings, feed, spool = self._settings, _Feed(source), Spool(folder=self._settings.spool)
        said = self._run(
            spool,
            "decrypt_file",
            feed,
            passphrase=self._passphrase,
            extra_args=["--max-output", str(settings.plain_max)],
        )
        fault = self._fault(said)
        if feed.error is not None or fault:
            spool.close()
            if feed.error is not None:
                raise feed.error
            fix = "It stays where it is. Ask the partner which keys it uses, and to put the file there again"
            raise Unreadable(fault, where=where, fix=fix)
        return spool

    def _fault(self, said: _Said) -> str:
        signers = set(self._settings.signers)
        made = [(values[9] if len(values) > 9 else values[0]) for values in said.values("VALIDSIG") if values]
        if "DECRYPTION_OKAY" not in said:
            return said.fault
        if len(said.values("PLAINTEXT")) > 1:
            return "it holds more than one message"
        unsigned = not made and not {"BADSIG", "ERRSIG", "NEWSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"} & {
            key for key, _ in said.lines
        }
        if unsigned and not said.returncode:
            return "it carries no signature" if self._settings.require_signature else ""
        if said.returncode or not made or len(said.values("GOODSIG")) != len(made):
            return said.fault
        return "" if set(made) <= signers else "it is signed with a key that is not pinned in signers"

    def check(self) -> str:
        """What the keys are good for, in words. Raises PartnerRefused where one that is needed is missing."""
        gpg, settings = self._opened(), self._settings
        public = {each["fingerprint"] for each in gpg.list_keys()}
        secret = {each["fingerprint"] for each in gpg.list_keys(secret=True)}
        missing = [each for each in (*settings.encrypt_to, *settings.signers) if each not in public]
        missing += [settings.sign_with] if settings.sign_with and settings.sign_with not in secret else []
        if settings.decrypt and not secret:
            missing.append("any key of ours to decrypt with")
        if missing:
            what = f"the keys that are named hold no {', '.join(missing)}"
            raise PartnerRefused(what, where="pgp", fix="Name the files that hold them, or correct the fingerprints")
        return f"{len(public)} public and {len(secret)} secret keys"

    def close(self) -> None:
        """Ends the agent and removes the home, with every key in it."""
        self._gpg = None
        if self._closer is not None:
            self._closer()

    def _run(self, spool: Spool, call: str, feed: _Feed, *arguments: Any, **options: Any) -> _Said:
        gpg = self._opened()
        trouble: list[BaseException] = []

        def take(piece: bytes) -> bool:
            try:
                if piece and not trouble:
                    spool.write(piece)
            except GatewayError as error:
                trouble.append(error)
            return False  # It would keep all of it in memory, too.

        gpg.on_data = take
        try:
            with suppress(OSError):  # A pipe that GnuPG closed before all was read: what it said tells why.
                getattr(gpg, call)(feed, *arguments, **options)
        finally:
            gpg.on_data = None
        if trouble:
            spool.close()
            raise trouble[0]
        return gpg.said

    def _opened(self) -> _Gpg:
        if self._gpg is None:
            _sweep()
            home = tempfile.mkdtemp(prefix=f"{HOME}{os.getpid()}-")  # Mode 700.
            self._closer = weakref.finalize(self, _remove, home)
            try:
                self._gpg = _Gpg(gnupghome=home, options=[*_SAFE])
            except (OSError, ValueError) as error:
                self.close()
                raise PartnerRefused("GnuPG can't be run", where="pgp", fix="Install gpg (Debian: gpg)") from error
            self._gpg.without_passphrase = self._passphrase is None
            self._gpg.result_map = {**gnupg.GPG.result_map, "crypt": _Said}
            try:
                self._import()
                self.check()
            except GatewayError:
                self.close()
                raise
        return self._gpg

    def _import(self) -> None:
        assert self._gpg is not None, "it was just opened"
        for text in (*self._settings.their_keys, *self._settings.our_keys):
            found = self._gpg.import_keys(text, passphrase=self._passphrase)
            if not found.fingerprints:
                fix = "Name files with keys as GnuPG exports them: gpg --armor --export, or --export-secret-keys"
                raise PartnerRefused("one of the keys in [transport.pgp] can't be read", where="pgp", fix=fix)


def _remove(home: str) -> None:
    """Ends the agent that GnuPG started in this home, and removes it with every key in it."""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["gpgconf", "--homedir", home, "--kill", "all"]
        subprocess.run(command, check=False, capture_output=True, timeout=30)
    shutil.rmtree(home, ignore_errors=True)


def _sweep() -> None:
    """Removes what a process that was killed left behind: its keys must not stay."""
    for home in Path(tempfile.gettempdir()).glob(f"{HOME}*-*"):
        pid = home.name.removeprefix(HOME).split("-")[0]
        with suppress(OSError):
            if pid.isdigit() and home.stat().st_uid == os.getuid() and not _lives(int(pid)):
                _remove(str(home))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
