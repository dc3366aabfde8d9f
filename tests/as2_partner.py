"""A partner of the simulator that speaks AS2 with ``openssl cms`` and the standard library, and no code of ours."""

import http.client
import re
import subprocess
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
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
        path = folder / "mdn.eml"
        path.write_bytes(f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + self.content)
        return openssl("cms", "-verify", "-in", path, "-CAfile", certificate, "-purpose", "any")


def post(port: int, headers: Mapping[str, str], body: bytes, path: str = "/as2") -> Answered:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        return Answered(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def send(port: int, message_id: str, whole: bytes, more: Mapping[str, str] = SIGNED_SYNC) -> Answered:
    return post(port, fields(message_id, whole, more), halves(whole)[1])
