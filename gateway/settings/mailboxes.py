"""``[transport]`` of the kinds that move files: folders here, and mailboxes on an SFTP server.

Knows no transport: it only names their keys.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.settings.old_algorithms import OLD, fault
from gateway.settings.parts import Flag, NonEmpty, PathHere, Section, mistake
from gateway.settings.secrets import Secret

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


class DirectoryTransport(Section):
    """Folders of this machine or of a mount. ``outbox`` is where we put files, ``inbox`` where we find them."""

    kind: Literal["directory"]
    inbox: PathHere
    outbox: PathHere
    archive: PathHere | None = None
    after: Literal["remove", "move", "keep"] = "remove"
    pattern: NonEmpty = "*"
    temporary_suffix: NonEmpty = ".part"


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
    inbox: NonEmpty
    outbox: NonEmpty
    archive: str = ""
    after: Literal["remove", "move", "keep"] = "remove"
    serial_reads: Flag = False
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    keepalive_s: Annotated[int, Field(strict=True, ge=0)] = 30
    pattern: NonEmpty = "*"
    temporary_suffix: NonEmpty = ".part"
