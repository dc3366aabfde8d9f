"""``[transport]`` of the kinds that move files: folders here, and mailboxes on an SFTP server.

Knows no transport: it only names their keys.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.settings.old_algorithms import OLD, fault
from gateway.settings.parts import Flag, NonEmpty, PathHere, Section, mistake
from gateway.settings.secrets import Secret

After = Literal["remove", "move", "keep"]
_HOST_KEY = re.compile(r"(^|\s)((ssh-|ecdsa-)[a-z0-9-]+ AAAA[A-Za-z0-9+/]+=*|SHA256:[A-Za-z0-9+/]{43}=?)(\s|$)")


def _host_key(value: str) -> str:
    if "@revoked" in value:
        raise mistake("this key is revoked", "Take the line out, and pin the server's present key")
    if not _HOST_KEY.search(value):
        fix = "Write a line of `ssh-keyscan HOST` whose fingerprint the partner confirmed, or SHA256:... itself"
        raise mistake("this is neither a public host key nor a SHA256: fingerprint", fix)
    return value


def _allowed(value: str) -> str:
    if words := fault(value):
        raise mistake(words, f"Take it out, or name one of {', '.join(OLD)}")
    return value


def _fingerprint(value: str) -> str:
    plain = value.replace(" ", "").upper()
    if not re.fullmatch(r"[0-9A-F]{40}", plain):
        fix = "Write the 40 characters that gpg --fingerprint shows of the primary key; shorter ids can be forged"
        raise mistake("this is no fingerprint of an OpenPGP key", fix)
    return plain


Fingerprint = Annotated[str, AfterValidator(_fingerprint)]


class Pgp(Section):
    """OpenPGP around the files of a mailbox. Keys are as GnuPG exports them; only the named fingerprints count."""

    their_keys: tuple[Secret, ...] = ()
    our_keys: tuple[Secret, ...] = ()
    passphrase: Secret | None = None
    encrypt_to: tuple[Fingerprint, ...] = ()
    sign_with: Fingerprint | None = None
    armor: Flag = False
    decrypt: Flag = False
    signers: tuple[Fingerprint, ...] = ()
    require_signature: Flag = True


def _inboxes(value: Any) -> Any:
    """One folder may stand by its name, alone or in the list."""
    entries = value if isinstance(value, list) else [value]
    return [{"path": each} if isinstance(each, str) else each for each in entries]


class InboxSection(Section):
    """What becomes of the files of one inbox; left out, it is as the transport says for all."""

    pattern: NonEmpty | None = None
    after: After | None = None

    def fill(self, transport: "DirectoryTransport | SftpTransport") -> None:
        """Takes over what is left out, once, so that nobody who reads it has to know of it."""
        for name in ("pattern", "after", "archive"):
            if getattr(self, name) in (None, ""):
                object.__setattr__(self, name, getattr(transport, name))


class DirectoryInbox(InboxSection):
    path: PathHere
    archive: PathHere | None = None


class SftpInbox(InboxSection):
    path: NonEmpty
    archive: str = ""


class DirectoryTransport(Section):
    """Folders of this machine or of a mount. ``outbox`` is where we put files, ``inbox`` where we find them."""

    kind: Literal["directory"]
    inbox: Annotated[tuple[DirectoryInbox, ...], BeforeValidator(_inboxes), Field(min_length=1)]
    outbox: PathHere
    archive: PathHere | None = None
    after: After = "remove"
    pattern: NonEmpty = "*"
    temporary_suffix: NonEmpty = ".part"
    pgp: Pgp | None = None

    def model_post_init(self, context: Any, /) -> None:
        for each in self.inbox:
            each.fill(self)


class SftpTransport(Section):
    """A mailbox on an SFTP server. Folders are those of the server; ``host_keys`` are pinned, never learnt."""

    kind: Literal["sftp"]
    host: NonEmpty
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 22
    username: NonEmpty
    password: Secret | None = None
    key: Secret | None = None
    key_passphrase: Secret | None = None
    certificate: Secret | None = None
    allow: tuple[Annotated[str, AfterValidator(_allowed)], ...] = ()
    host_keys: Annotated[tuple[Annotated[str, AfterValidator(_host_key)], ...], Field(min_length=1)]
    inbox: Annotated[tuple[SftpInbox, ...], BeforeValidator(_inboxes), Field(min_length=1)]
    outbox: NonEmpty
    archive: str = ""
    after: After = "remove"
    serial_reads: Flag = False
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    sessions_max: Annotated[int, Field(strict=True, ge=1, le=16)] = 2
    keepalive_s: Annotated[int, Field(strict=True, ge=0)] = 30
    pattern: NonEmpty = "*"
    temporary_suffix: NonEmpty = ".part"
    pgp: Pgp | None = None

    def model_post_init(self, context: Any, /) -> None:
        for each in self.inbox:
            each.fill(self)
