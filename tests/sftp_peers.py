"""The far side of the SFTP tests: OpenSSH's sshd as it is, a small server that goes wrong, and one too old."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import paramiko
from paramiko import common as codes
from paramiko import sftp as wire

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
PASSWORD = "right horse"


class Listener:
    """Accepts on a loopback port and gives each connection to ``serve`` in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._tcp.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                tcp, _ = self._tcp.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(tcp,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)  # Wakes the accept.
        self._tcp.close()
        for thread in self._threads:
            thread.join(10)


def make_key(path: Path, kind: str = "ed25519", *options: str) -> str:
    """Makes a key pair with OpenSSH's own tool; returns the private key's text."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", *options, "-f", path], check=True, capture_output=True)
    return path.read_text()


# What servers of 2010 had, all at once, as far as OpenSSH of today can still be set up so.
OLD_ALGORITHMS = (
    "HostKeyAlgorithms ssh-rsa",
    "KexAlgorithms diffie-hellman-group14-sha1",
    "Ciphers aes128-cbc",
    "MACs hmac-sha1",
)


def sign_key(folder: Path, authority: str, name: str, *options: str) -> str:
    """Lets ``authority`` sign NAME.pub in ``folder``; returns the certificate's text."""
    command = ["ssh-keygen", "-q", "-s", str(folder / authority), "-I", "test", *options, str(folder / f"{name}.pub")]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / f"{name}-cert.pub").read_text()


class Sshd:
    """OpenSSH's sshd as the current user, one process a connection (``-i``), so that no port is guessed at."""

    def __init__(self, folder: Path, *options: str, host: str = "ed25519", user: str = "ed25519") -> None:
        assert SSHD, "the test was to be skipped"
        self.folder = folder
        self.key = make_key(folder / "user", user)
        make_key(folder / "host", host)
        self.host_key = (folder / "host.pub").read_text()
        lines = [
            f"HostKey {folder / 'host'}",
            f"AuthorizedKeysFile {folder / 'user.pub'}",
            "StrictModes no",
            "UsePAM no",
            "PermitRootLogin yes",
            "PidFile none",
            "Subsystem sftp internal-sftp",
            *(each.format(folder=folder) for each in options),
        ]
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:  # Where it separates privileges, it wants this folder.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._command = [SSHD, "-i", "-e", "-f", str(folder / "sshd_config")]
        self._log = folder / "sshd.log"
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    def _serve(self, tcp: socket.socket) -> None:
        with tcp, self._log.open("ab") as log:
            child = subprocess.Popen(self._command, stdin=tcp.fileno(), stdout=tcp.fileno(), stderr=log)
        child.wait()

    def close(self) -> None:
        self._listener.close()


@dataclass
class Faults:
    """What goes wrong at the small server. All off, it behaves."""

    without_posix_rename: bool = False
    lose_rename: str = ""  # "before" or "after" it is done; once
    take_at_once: bool = False  # the file is gone as soon as it has its name
    take_temporary: bool = False  # the file is gone before it gets its name
    full_after: int | None = None  # bytes of a file that there is room for
    keep_at_most: int | None = None  # the same, but it says that all is well
    forbidden: set[str] = field(default_factory=set)  # names that may not be opened, removed or renamed to
    blind: bool = False  # a drop box: nothing there may be listed, looked at or read
    without_removal: bool = False
    also_listed: list[bytes] = field(default_factory=list)
    read_at_most: int = 1 << 20  # bytes in one answer
    drop_at: int | None = None  # the connection ends where a read begins here or later
    drops: int = 1  # how often
    on_drop: Callable[[], object] | None = None  # before it ends
    without_fstat: bool = False
    crosswise: bool = False  # each two reads or writes are answered the other way round
    silent_login: bool = False
    cut_login: bool = False
    silent_subsystem: bool = False
    stall_at: int | None = None  # a read that begins here or later is never answered
    needs_both: bool = False  # a key and a password
    on_read: Callable[[], None] | None = None  # once, before the first read is answered


class SmallServer:
    """paramiko's server interface over a folder, with faults. It listens on a loopback port until closed."""

    def __init__(self, root: Path, *, key: paramiko.PKey | None = None, login_key: paramiko.PKey | None = None) -> None:
        self.root, self.faults = root, Faults()
        self.key = key or paramiko.ECDSAKey.generate()
        self.login_key = login_key
        self.logins: list[tuple[str, str]] = []
        self.sessions: list[paramiko.Transport] = []
        self.reads_overlapped = False
        self.kept_alive = threading.Event()  # a client showed that it is still there
        self.reads: list[int] = []  # where each began
        self._done = threading.Event()
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    @property
    def host_key(self) -> str:
        return f"{self.key.get_name()} {self.key.get_base64()}"

    def drop(self, *sessions: paramiko.Transport) -> None:
        """Ends these sessions; all, where none is named."""
        for each in sessions or tuple(self.sessions):  # Not one that a client opens meanwhile.
            with contextlib.suppress(OSError):
                each.sock.shutdown(socket.SHUT_RDWR)  # Wakes its reader, which close() would wait for.
            each.close()

    def close(self) -> None:
        self._done.set()
        self.drop()
        self._listener.close()

    def _serve(self, tcp: socket.socket) -> None:
        session = paramiko.Transport(tcp)
        self.sessions.append(session)
        session.add_server_key(self.key)
        session.set_subsystem_handler("sftp", _Subsystem, _Folder, self)
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            session.start_server(server=_Login(self, session))
            session.join()
        session.close()
        tcp.close()

    def wait_closed(self) -> None:
        self._done.wait(20)


class _Login(paramiko.ServerInterface):
    def __init__(self, peer: SmallServer, session: paramiko.Transport) -> None:
        self.session = session
        self.peer, self._proven = peer, set[str]()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def _prove(self, kind: str, right: bool) -> int:
        self.peer.logins.append((kind, "right" if right else "wrong"))
        if self.peer.faults.cut_login:
            self.peer.drop(self.session)
        if self.peer.faults.silent_login:
            self.peer.wait_closed()
        if not right:
            return codes.AUTH_FAILED
        self._proven.add(kind)
        both = self._proven == {"publickey", "password"}
        return codes.AUTH_PARTIALLY_SUCCESSFUL if self.peer.faults.needs_both and not both else codes.AUTH_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        return self._prove("password", password == PASSWORD)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self._prove("publickey", key == self.peer.login_key)

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        if self.peer.faults.silent_subsystem:
            self.peer.wait_closed()
        return super().check_channel_subsystem_request(channel, name)

    def check_global_request(self, kind: str, msg: paramiko.Message) -> bool:
        if kind.startswith("keepalive@"):
            self.peer.kept_alive.set()
        return False

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return codes.OPEN_SUCCEEDED


class _Subsystem(paramiko.SFTPServer):
    """Answers each two reads or writes the other way round where that is asked for."""

    def __init__(
        self, channel: paramiko.Channel, name: str, server: _Login, sftp_si: type["_Folder"], peer: SmallServer
    ) -> None:
        super().__init__(channel, name, server, sftp_si, peer)
        self._peer = peer
        self._held: tuple[int, int, paramiko.Message] | None = None

    def _process(self, kind: int, number: int, message: paramiko.Message) -> None:
        process = super()._process  # type: ignore[misc]  # The stubs leave it out.
        if kind == wire.CMD_READ and self.sock and self.sock.recv_ready():
            self._peer.reads_overlapped = True
        if not self._peer.faults.crosswise or kind not in (wire.CMD_READ, wire.CMD_WRITE):
            process(kind, number, message)
        elif self._held is None:
            self._held = (kind, number, message)
        else:
            process(kind, number, message)
            process(*self._held)
            self._held = None


class _Handle(paramiko.SFTPHandle):
    readfile: Any
    writefile: Any

    def __init__(self, flags: int, peer: SmallServer, path: Path, session: paramiko.Transport) -> None:
        super().__init__(flags)
        self._session = session
        self._peer, self._path = peer, path
        self._kept = 0

    def read(self, offset: int, length: int) -> bytes | int:
        faults = self._peer.faults
        self._peer.reads.append(offset)
        if faults.on_read:
            action, faults.on_read = faults.on_read, None
            action()
        if faults.stall_at is not None and offset >= faults.stall_at:
            self._peer.wait_closed()
        if faults.drop_at is not None and offset >= faults.drop_at:
            faults.drops -= 1
            faults.drop_at = faults.drop_at if faults.drops else None
            if faults.on_drop:
                faults.on_drop()
            self._peer.drop(self._session)
        return super().read(offset, min(length, faults.read_at_most))

    def write(self, offset: int, data: "ReadableBuffer") -> int:
        faults, end = self._peer.faults, offset + len(memoryview(data))
        if faults.full_after is not None and end > faults.full_after:
            return wire.SFTP_FAILURE
        if faults.keep_at_most is not None and end > faults.keep_at_most:
            return wire.SFTP_OK
        return super().write(offset, data)

    def stat(self) -> paramiko.SFTPAttributes | int:
        if self._peer.faults.without_fstat:
            return wire.SFTP_OP_UNSUPPORTED
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Folder(paramiko.SFTPServerInterface):
    def __init__(self, server: "_Login", peer: SmallServer) -> None:
        super().__init__(server)
        self._session = server.session
        self._peer = peer

    def _path(self, name: str) -> Path:
        return self._peer.root / name.lstrip("/")

    def _answer(self, act: Callable[[], object], *paths: Path) -> int:
        if any(each.name in self._peer.faults.forbidden for each in paths):
            return wire.SFTP_PERMISSION_DENIED
        try:
            act()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return wire.SFTP_OK

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        if self._peer.faults.blind and "outbox" in path:
            return wire.SFTP_PERMISSION_DENIED
        make = paramiko.SFTPAttributes.from_stat
        try:
            with os.scandir(self._path(path)) as found:
                entries = [make(each.stat(follow_symlinks=False), each.name) for each in found]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        for name in self._peer.faults.also_listed if path.endswith("inbox") else ():
            entry = paramiko.SFTPAttributes()
            entry.st_size, entry.st_mode = 5, 0o100644
            entry.st_atime = entry.st_mtime = 1_700_000_000
            entry.filename = name.decode("latin-1") if name.isascii() else cast(str, name)
            entries.append(entry)
        return entries

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        if self._peer.faults.blind and "outbox" in path:
            return wire.SFTP_PERMISSION_DENIED
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        place = self._path(path)
        if place.name.removesuffix(".part") in self._peer.faults.forbidden:
            return wire.SFTP_PERMISSION_DENIED
        if self._peer.faults.blind and "outbox" in path and not flags & (os.O_WRONLY | os.O_RDWR):
            return wire.SFTP_PERMISSION_DENIED
        try:
            descriptor = os.open(place, flags, 0o644)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = _Handle(flags, self._peer, place, self._session)
        writing = flags & (os.O_WRONLY | os.O_RDWR)
        handle.readfile = handle.writefile = os.fdopen(descriptor, "wb" if writing else "rb")
        return handle

    def remove(self, path: str) -> int:
        if self._peer.faults.without_removal:
            return wire.SFTP_PERMISSION_DENIED
        return self._answer(self._path(path).unlink, self._path(path))

    def rename(self, oldpath: str, newpath: str) -> int:
        old, new = self._path(oldpath), self._path(newpath)
        if new.exists():
            return wire.SFTP_FAILURE  # As filexfer-02, 6.5 has it.
        return self._renamed(old, new)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        if self._peer.faults.without_posix_rename:
            return wire.SFTP_OP_UNSUPPORTED
        return self._renamed(self._path(oldpath), self._path(newpath))

    def _renamed(self, old: Path, new: Path) -> int:
        faults = self._peer.faults
        lose, faults.lose_rename = faults.lose_rename, ""
        if faults.take_temporary:
            old.unlink()
        if lose == "before":
            self._peer.drop()
            return wire.SFTP_FAILURE
        answer = self._answer(lambda: old.replace(new), new)
        if faults.take_at_once and answer == wire.SFTP_OK:
            new.unlink()
        if lose == "after":
            self._peer.drop()
        return answer


class OldServer:
    """Speaks SSH up to its list of algorithms, all of them SHA-1 and CBC, as servers of 2010 did (RFC 4253, 7.1)."""

    def __init__(self) -> None:
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    def _serve(self, tcp: socket.socket) -> None:
        lists = ["diffie-hellman-group14-sha1,diffie-hellman-group1-sha1", "ssh-rsa,ssh-dss"]
        lists += ["aes128-cbc,3des-cbc"] * 2 + ["hmac-md5,hmac-sha1-96"] * 2 + ["none"] * 2 + [""] * 2
        body = b"\x14" + bytes(16) + b"".join(struct.pack(">I", len(each)) + each.encode() for each in lists) + bytes(5)
        padding = 8 - (len(body) + 5) % 8 + 8
        with tcp, contextlib.suppress(OSError):
            tcp.sendall(b"SSH-2.0-Old_1.0\r\n")
            tcp.sendall(struct.pack(">IB", len(body) + padding + 1, padding) + body + bytes(padding))
            while tcp.recv(4096):
                pass

    def close(self) -> None:
        self._listener.close()
