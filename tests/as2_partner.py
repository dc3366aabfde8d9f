"""A partner of the simulator that speaks AS2 with ``openssl cms`` and the standard library, and no code of ours."""

import base64
import hashlib
import http.client
import re
import ssl
import subprocess
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAMES = {"AS2-From": "GATEWAY", "AS2-To": "SIMPAYER"}
SIGNED_SYNC = {
    "Disposition-Notification-To": "edi@gateway.example",
    "Disposition-Notification-Options": (
        "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256"
    ),
}


def openssl(*arguments: object, given: bytes = b"") -> bytes:
    ran = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


@dataclass(frozen=True)
class Keys:
    """A key and its certificate in two files."""

    key: Path
    certificate: Path


def make_keys(folder: Path, name: str) -> Keys:
    keys = Keys(folder / f"{name}.key", folder / f"{name}.pem")
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}")
    openssl(*made, "-keyout", keys.key, "-out", keys.certificate)
    return keys


def entity(payload: bytes, encoding: str = "binary") -> bytes:
    head = f"Content-Type: application/edi-x12\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + payload


def sign(inside: bytes, keys: Keys, digest: str = "sha256", *options: str, pss: bool = False) -> bytes:
    """An entity in a multipart/signed, its signature made by openssl."""
    made = ("cms", "-sign", "-binary", "-outform", "DER", "-md", digest, *options, "-signer", keys.certificate)
    padding = ("-keyopt", "rsa_padding_mode:pss") if pss else ()
    signature = openssl(*made, "-inkey", keys.key, *padding, given=inside)
    head = (
        'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; '
        f'micalg={digest}; boundary="=b o=?"\r\n\r\n--=b o=?\r\n'
    )
    middle = "\r\n--=b o=?\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return head.encode() + inside + middle.encode() + signature + b"\r\n--=b o=?--\r\n"


def encrypt(inside: bytes, certificate: Path, cipher: str = "aes-256-cbc") -> bytes:
    der = openssl("cms", "-encrypt", "-binary", "-outform", "DER", f"-{cipher}", certificate, given=inside)
    return b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n\r\n" + der


def _der(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    length = len(content).to_bytes(4)
    return bytes([tag, 0x84]) + length + content


def compress(inside: bytes) -> bytes:
    """An entity as CompressedData (RFC 3274), written out by hand: Debian's openssl has no zlib."""
    oids = {"compressed": "2a864886f70d0109100109", "zlib": "2a864886f70d0109100308", "plain": "2a864886f70d010701"}
    oid = {name: bytes([6, len(value) // 2]) + bytes.fromhex(value) for name, value in oids.items()}
    packed = _der(0x30, oid["plain"], _der(0xA0, _der(0x04, zlib.compress(inside))))
    body = _der(0x30, b"\x02\x01\x00", _der(0x30, oid["zlib"]), packed)
    der = _der(0x30, oid["compressed"], _der(0xA0, body))
    return b"Content-Type: application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z\r\n\r\n" + der


def halves(raw: bytes) -> tuple[Message, bytes]:
    """The header and the content of an entity."""
    head, _, content = raw.partition(b"\r\n\r\n")
    return BytesParser().parsebytes(head + b"\r\n\r\n"), content


def fields(message_id: str, whole: bytes, more: Mapping[str, str]) -> dict[str, str]:
    """The header fields of a post."""
    return {**NAMES, "Message-ID": message_id, **dict(halves(whole)[0].items()), **more}


@dataclass(frozen=True)
class Came:
    """A post that came in."""

    headers: Message
    body: bytes

    def opened(self, keys: Keys, sender: Path, folder: Path) -> tuple[bytes, str]:
        """The entity that was signed, and its MIC, as openssl decrypts and verifies it."""
        (folder / "came.der").write_bytes(self.body)
        inside = openssl("cms", "-decrypt", "-inform", "DER", "-in", folder / "came.der", "-inkey", keys.key)
        covered = verified(*halves(inside), sender, folder)
        return covered, base64.b64encode(hashlib.sha256(covered).digest()).decode()


def verified(headers: Message, content: bytes, certificate: Path, folder: Path) -> bytes:
    """The signed part of a multipart/signed, its signature verified by openssl over the bytes as they are."""
    boundary = b"--" + str(headers.get_param("boundary")).encode()
    _, covered, signature, _ = re.split(b"(?:^|\r\n)" + re.escape(boundary) + b"(?:--)?\r\n", content)
    (folder / "signed").write_bytes(covered)
    (folder / "signature").write_bytes(base64.b64decode(halves(signature)[1]))
    of = ("-inform", "DER", "-in", folder / "signature", "-content", folder / "signed")
    return openssl("cms", "-verify", "-binary", *of, "-CAfile", certificate, "-purpose", "any")


def receipt(message_id: str, mic: str, disposition: str = "processed") -> bytes:
    """A report as an entity."""
    mode = "automatic-action/MDN-sent-automatically"
    said = f"Original-Message-ID: {message_id}\r\nDisposition: {mode}; {disposition}\r\n"
    told = f"{said}Received-Content-MIC: {mic}, sha256\r\n" if mic else said
    return (
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=r\r\n\r\n"
        f"--r\r\nContent-Type: text/plain\r\n\r\nfine\r\n"
        f"--r\r\nContent-Type: message/disposition-notification\r\n\r\n{told}\r\n--r--\r\n"
    ).encode()


Reply = tuple[int, dict[str, str], bytes]


class Receiver:
    """A partner's listener: keeps what comes, and answers by one reply after the other, by the last for ever."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.replies: list[Callable[[], Reply]] = []
        self._one_more = threading.Condition()
        box = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # Cut short.
                box.came.append(Came(self.headers, body))
                make = box.replies.pop(0) if len(box.replies) > 1 else box.replies[0]
                status, headers, content = make()
                with box._one_more:
                    box._one_more.notify_all()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content)), "Connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/in"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def wait_for(self, count: int) -> None:
        """Until so many posts have come."""
        with self._one_more:
            assert self._one_more.wait_for(lambda: len(self.came) >= count, 20), f"only {len(self.came)}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Message
    content: bytes

    @property
    def report(self) -> dict[str, str]:
        """The fields of the receipt in the answer."""
        fields = re.search(rb"disposition-notification\r\n(?:[^\r]+\r\n)*\r\n(.*?)\r\n--", self.content, re.DOTALL)
        assert fields, self.content
        return dict(line.split(": ", 1) for line in fields[1].decode().splitlines() if line)

    def verified(self, certificate: Path, folder: Path) -> bytes:
        """What the receipt's signature covers, as openssl sees it."""
        return verified(self.headers, self.content, certificate, folder)


def post(
    port: int, headers: Mapping[str, str], body: bytes, path: str = "/as2", *, trusted: Path | None = None
) -> Answered:
    """Posts to the simulator; over TLS where its certificate is given."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    if trusted:
        context = ssl.create_default_context(cafile=trusted)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        return Answered(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def send(port: int, message_id: str, whole: bytes, more: Mapping[str, str] = SIGNED_SYNC) -> Answered:
    return post(port, fields(message_id, whole, more), halves(whole)[1])
