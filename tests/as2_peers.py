"""AS2 software of other hands, for the tests to talk to: BouncyCastle, OpenSSL and libas2, each as it is.

A peer builds and opens the MIME entity that an HTTP request of AS2 carries (its headers, an empty line, its body), and
builds and reads MDNs. BouncyCastle and libas2 are long-running processes that answer a line with a line; OpenSSL is
its command line (``openssl_peer``). Nothing here is our code under test, and nothing here opens a connection.
"""

import base64
import datetime
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

HERE = Path(__file__).resolve().parent
JAVA_SOURCES = HERE / "peers" / "bc"
NODE_FOLDER = HERE / "peers" / "libas2"
JARS = ("bcmail", "bcpkix", "bcprov", "bcutil", "javax.mail", "javax.activation")
JAR_FOLDER = Path("/usr/share/java")
PASSWORD = "right horse"
REVERT = "--security-revert=CVE-2023-46809"  # Without it Node 18 and 20 decrypt no RSA PKCS #1 v1.5.


class PeerFailed(Exception):
    """The peer refused, or could not do it; the text is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a message shall be like. Names are those of our own algorithms; an empty one is none of it.

    ``encoding`` is the payload's Content-Transfer-Encoding; "" leaves the header out, and the choice to JavaMail.
    ``compress`` is before or after signing, ``wrap`` the transfer encoding of the layers around the payload, where ""
    leaves the header out, too. ``mask`` is the digest of OAEP's mask, where it is another. ``also`` is a key pair that
    signs first, or is encrypted for first. ``ber`` asks OpenSSL for indefinite lengths, which BouncyCastle always
    writes; ``bare`` leaves the signed attributes out, and the certificates.
    """

    encoding: str = "binary"
    sign: str = ""
    pss: bool = False
    encrypt: str = ""
    transport: str = "pkcs1v15"
    compress: str = ""
    wrap: str = "binary"
    opaque: bool = False
    keyid: bool = False
    ber: bool = False
    bare: bool = False
    mask: str = ""
    also: str = ""
    type: str = "application/edi-x12"
    name: str = "x12.edi"
    me: str = "them"
    you: str = "us"


@dataclass(frozen=True, slots=True)
class Built:
    """A message as it goes out. ``mic`` is base64, and empty where the peer cannot tell it."""

    entity: bytes
    mic: str = ""
    mic_algorithm: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a peer found in a message."""

    payload: bytes
    mic: str = ""
    mic_algorithm: str = ""
    type: str = ""
    name: str = ""
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an MDN says. ``signed`` is the digest of its signature; what we read has the signer's fingerprint there."""

    message_id: str
    disposition: str = "automatic-action/MDN-sent-automatically; processed"
    mic: str = ""
    mic_algorithm: str = ""
    signed: str = ""
    pss: bool = False
    recipient: str = "THEM"


class Peer(Protocol):
    """One piece of AS2 software. ``me`` and ``you`` name key pairs of ``keys_in``."""

    name: str

    def build(self, payload: bytes, wish: Wish) -> Built: ...
    def open(self, entity: bytes, *, me: str, you: str) -> Opened: ...
    def build_mdn(self, receipt: Receipt, *, me: str, you: str) -> bytes: ...
    def read_mdn(self, entity: bytes, *, me: str, you: str) -> Receipt: ...
    def close(self) -> None: ...


def keys_in(folder: Path, *names: str) -> Path:
    """Makes key pairs: ``NAME.key`` (PKCS #8), ``NAME.crt`` and ``NAME.p12`` of each; elliptic ones end in ``_ec``."""
    for name in names or ("us", "them", "us_ec", "them_ec", "other"):
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if name.endswith("_ec")
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )
        keep_pair(folder, name, key, _certificate(name, key))
    return folder


def keep_pair(
    folder: Path, name: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, certificate: x509.Certificate
) -> None:
    """The files of one key pair, for all peers."""
    sealed = serialization.BestAvailableEncryption(PASSWORD.encode())
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / f"{name}.key").write_bytes(key.private_bytes(pem, pkcs8, plain))
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(pem))
    sealed_pair = pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, sealed)
    (folder / f"{name}.p12").write_bytes(sealed_pair)


def _certificate(name: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
    keyid = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(keyid, critical=False).sign(key, hashes.SHA256())


class Process:
    """A peer behind a pipe: requests and answers are lines of ``word TAB name:base64 ...``."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, verb: str, fields: Mapping[str, bytes | str]) -> dict[str, bytes]:
        """One request; PeerFailed where the peer says no or is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        parts = [f"{name}:{base64.b64encode(_bytes(value)).decode()}" for name, value in fields.items()]
        try:
            self._process.stdin.write("\t".join([verb, *parts]).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise PeerFailed("it ended") from error
        word, found = "", [""]
        while word not in ("ok", "error"):  # Node tells of the option on its standard output first.
            line = self._process.stdout.readline()
            word, *found = line.decode().rstrip("\n").split("\t")
            if not line:
                break
        answer = {name: base64.b64decode(value) for name, _, value in (each.partition(":") for each in found)}
        if word != "ok":
            raise PeerFailed(answer.get("why", b"it ended").decode())
        return answer

    def close(self) -> None:
        """Ends the peer; its input ends, and it does, too."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


class _Lines:
    """What BouncyCastle and libas2 have in common: their verbs and fields."""

    def __init__(self, process: Process) -> None:
        self.name, self._process = process.name, process

    def build(self, payload: bytes, wish: Wish) -> Built:
        found = self._process.ask("build", {"payload": payload, **_fields(wish)})
        return Built(found["entity"], found.get("mic", b"").decode(), found.get("mic_algorithm", b"").decode())

    def open(self, entity: bytes, *, me: str, you: str) -> Opened:
        found = self._process.ask("open", {"entity": entity, "me": me, "you": you})
        text = {name: value.decode("utf-8", "replace") for name, value in found.items() if name != "payload"}
        layers = tuple(text["layers"].split())
        return Opened(
            found["payload"], text.get("mic", ""), text.get("mic_algorithm", ""), text["type"], text["name"], layers
        )

    def build_mdn(self, receipt: Receipt, *, me: str, you: str) -> bytes:
        asked = _fields(receipt)
        asked["sign"] = asked.pop("signed")
        return self._process.ask("build_mdn", {**asked, "me": me, "you": you})["entity"]

    def read_mdn(self, entity: bytes, *, me: str, you: str) -> Receipt:
        found = self._process.ask("read_mdn", {"entity": entity, "me": me, "you": you})
        text = {name: value.decode() for name, value in found.items()}
        return Receipt(
            message_id=text["message_id"],
            disposition=text["disposition"],
            mic=text["mic"],
            mic_algorithm=text["mic_algorithm"],
            signed=text["signed"],
        )

    def close(self) -> None:
        self._process.close()


def bouncy_castle(keys: Path) -> _Lines:
    """Starts a JVM, having compiled our small program for it if that was not done yet."""
    command = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp"]
    return _Lines(Process("BouncyCastle", [*command, f"{_compiled()}:{_class_path()}", "Peer", str(keys), PASSWORD]))


def libas2(keys: Path) -> _Lines:
    """Starts Node on our small program."""
    return _Lines(Process("libas2", ["node", *_node_options(), str(NODE_FOLDER / "peer.js"), str(keys)]))


@cache
def _node_options() -> tuple[str, ...]:
    """Newer ones know no such option, and need none."""
    done = subprocess.run(["node", REVERT, "-e", "0"], check=False, capture_output=True)
    return () if done.returncode else (REVERT,)


def _class_path() -> str:
    return ":".join(str(JAR_FOLDER / f"{each}.jar") for each in JARS)


def _compiled() -> Path:
    """The folder of the classes; it is named after the sources, and shared by all workers of a run."""
    sources = sorted(JAVA_SOURCES.glob("*.java"))
    digest = hashlib.sha256(b"\0".join(each.read_bytes() for each in sources)).hexdigest()[:16]
    folder = HERE.parent / ".pytest_cache" / "peers" / f"bc-{digest}"
    if not folder.is_dir():
        own = folder.with_name(f"{folder.name}.{os.getpid()}")
        own.mkdir(parents=True, exist_ok=True)
        command = ["javac", "-encoding", "UTF-8", "-cp", _class_path(), "-d", str(own), *map(str, sources)]
        subprocess.run(command, check=True, capture_output=True)
        try:
            own.rename(folder)
        except OSError:  # Another worker was first.
            shutil.rmtree(own)
    return folder


def missing(name: str) -> str:
    """What the machine lacks for a peer, in words; empty where it lacks nothing."""
    commands = {"BouncyCastle": ("java", "javac"), "libas2": ("node",), "OpenSSL": ("openssl",)}[name]
    lacks = [each for each in commands if not shutil.which(each)]
    if name == "BouncyCastle":
        lacks += [f"{each}.jar" for each in JARS if not (JAR_FOLDER / f"{each}.jar").is_file()]
    if name == "libas2" and not (NODE_FOLDER / "node_modules" / "libas2").is_dir():
        lacks.append("its modules (make peers)")
    return f"{name} is missing here: there is no {', '.join(lacks)}" if lacks else ""


def require(name: str) -> None:
    """Skips the test where the peer is missing, and fails it in CI, where none may be."""
    if lack := missing(name):
        if os.environ.get("CI"):
            pytest.fail(f"{lack}; .ci/run installs it")
        pytest.skip(lack)


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _fields(record: Wish | Receipt) -> dict[str, str]:
    values = {name: getattr(record, name) for name in record.__slots__}
    return {name: ("1" if value else "") if isinstance(value, bool) else str(value) for name, value in values.items()}
