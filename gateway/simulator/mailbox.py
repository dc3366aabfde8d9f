"""The SFTP server at which partners call: ``inbound`` to upload to, ``outbound`` to fetch from, and nothing else.

One thread accepts, one serves each session. It knows no X12. The host key is made at the first start.
"""

import errno
import logging
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path, PurePosixPath

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED
from paramiko.sftp import SFTP_OK, SFTP_PERMISSION_DENIED

ROOMS = ("inbound", "outbound")

log = logging.getLogger(__name__)


def host_key(path: Path) -> paramiko.Ed25519Key:
    """The key of this server, made where there is none; its file is for its owner only."""
    if not path.exists():
        made = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(made)
        new.rename(path)
    return paramiko.Ed25519Key.from_private_key_file(str(path))


class OpenFiles:
    """Which files partners are still writing; asked by whoever takes files away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: Counter[Path] = Counter()

    def opened(self, path: Path) -> None:
        with self._lock:
            self._count[path] += 1

    def closed(self, path: Path) -> None:
        with self._lock:
            self._count[path] -= 1
            if not self._count[path]:
                del self._count[path]

    def __contains__(self, path: Path) -> bool:
        with self._lock:
            return path in self._count


class _Door(paramiko.ServerInterface):
    """Who may come in: one user, by password or by a public key of a list."""

    def __init__(self, mailbox: "Mailbox") -> None:
        self._mailbox = mailbox

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        known = compare_digest(username.encode(), self._mailbox.username.encode())
        right = compare_digest(password.encode(), self._mailbox.password.encode())
        return AUTH_SUCCESSFUL if known and right else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        offered = f"{key.get_name()} {key.get_base64()}"
        good = username == self._mailbox.username and offered in self._mailbox.authorized_keys
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _Handle(paramiko.SFTPHandle):
    """An open file. paramiko reads and writes ``readfile`` and ``writefile`` itself."""

    def __init__(self, files: "_Files", path: Path, flags: int) -> None:
        super().__init__(flags)
        self._files, self._path = files, path
        self._writes = bool(flags & (os.O_WRONLY | os.O_RDWR))

    def stat(self) -> paramiko.SFTPAttributes | int:
        return paramiko.SFTPAttributes.from_stat(self._path.stat())

    def chattr(self, attr: paramiko.SFTPAttributes) -> int:
        return SFTP_OK  # Times and modes that clients set are of no use here.

    def close(self) -> None:
        super().close()
        if self._writes:
            self._writes = False
            self._files.closed(self._path)


class _Files(paramiko.SFTPServerInterface):
    """The two rooms as a file system: no path leads out of them, and they themselves stay."""

    def __init__(self, server: paramiko.ServerInterface, mailbox: "Mailbox") -> None:
        super().__init__(server)
        self._mailbox = mailbox

    def _local(self, path: str) -> Path:
        """A path inside the root; OSError where the protocol's path has no business here."""
        inside = PurePosixPath(self.canonicalize(path)).relative_to("/")
        if "\x00" in path or ".." in inside.parts or (inside.parts and inside.parts[0] not in ROOMS):
            raise OSError(errno.ENOENT, "no such file")
        return self._mailbox.root / inside

    def _file(self, path: str) -> Path:
        local = self._local(path)
        if local.parent.parent != self._mailbox.root:
            raise OSError(errno.EACCES, "only files of inbound and outbound")
        return local

    def closed(self, path: Path) -> None:
        self._mailbox.open_files.closed(path)
        self._mailbox.changed()

    def canonicalize(self, path: str) -> str:
        return os.path.normpath("/" + path.lstrip("/"))

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        found = []
        try:
            with os.scandir(self._local(path)) as entries:
                for entry in entries:
                    try:
                        found.append(paramiko.SFTPAttributes.from_stat(entry.stat(), entry.name))
                    except FileNotFoundError:
                        continue  # Taken while we looked.
        except OSError as error:
            return _code(error)
        return found

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(self._local(path).stat())
        except OSError as error:
            return _code(error)

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        try:
            local = self._file(path)
            if writes:
                self._mailbox.open_files.opened(local)
            try:
                descriptor = os.open(local, flags, 0o600)
            except OSError:
                if writes:
                    self._mailbox.open_files.closed(local)
                raise
        except OSError as error:
            return _code(error)
        handle = _Handle(self, local, flags)
        mode = "r+b" if flags & os.O_RDWR else "ab" if flags & os.O_APPEND else "wb" if writes else "rb"
        file = os.fdopen(descriptor, mode)
        # paramiko's stubs do not know the two attributes that its own server reads.
        vars(handle).update(filename=str(local), readfile=file, writefile=file)
        return handle

    def remove(self, path: str) -> int:
        return self._do(lambda: self._file(path).unlink())

    def rename(self, oldpath: str, newpath: str) -> int:
        def move() -> None:
            target = self._file(newpath)
            if target.exists():
                raise OSError(errno.EEXIST, "the name is taken")  # SFTP version 3 never overwrites.
            self._file(oldpath).rename(target)

        return self._do(move)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return self._do(lambda: self._file(oldpath).rename(self._file(newpath)))

    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return self._do(lambda: self._file(path).stat())

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return SFTP_PERMISSION_DENIED

    def rmdir(self, path: str) -> int:
        return SFTP_PERMISSION_DENIED

    def _do(self, change: Callable[[], object]) -> int:
        try:
            change()
        except OSError as error:
            return _code(error)
        self._mailbox.changed()
        return SFTP_OK


def _code(error: OSError) -> int:
    return paramiko.SFTPServer.convert_errno(error.errno or errno.EIO)


class Mailbox:
    """The listening server. ``changed`` is called, from a session's thread, whenever a file may have come or gone."""

    def __init__(
        self,
        root: Path,
        key: paramiko.PKey,
        username: str,
        password: str,
        authorized_keys: frozenset[str] = frozenset(),
        changed: Callable[[], None] = lambda: None,
        open_files: OpenFiles | None = None,
    ) -> None:
        self.root, self.username, self.password = root, username, password
        self.authorized_keys, self.changed = authorized_keys, changed
        self.open_files = open_files or OpenFiles()
        self._key = key
        self._listener: socket.socket | None = None
        self._sessions: set[paramiko.Transport] = set()
        self._lock = threading.Lock()

    def open(self, port: int) -> int:
        """Listens on loopback; the port, which is a free one where 0 is asked for."""
        for room in ROOMS:
            (self.root / room).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=100)
        threading.Thread(target=self._accept, name="mailbox", daemon=True).start()
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Stops listening and ends every session."""
        if self._listener:
            self._listener.close()
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def _accept(self) -> None:
        assert self._listener is not None, "open() comes first"
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # Closed.
            threading.Thread(target=self._serve, args=(connection,), name="session", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = paramiko.Transport(connection)
        session.add_server_key(self._key)
        session.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, self)
        with self._lock:
            self._sessions = {each for each in self._sessions if each.is_active()} | {session}
        try:
            session.start_server(server=_Door(self))
        except (paramiko.SSHException, EOFError, OSError) as error:
            log.info("a session did not come about: %s", type(error).__name__)
            session.close()
