"""The simulator with AS2 inside of the test's own process, and what its partner needs to talk to it."""

import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from as2_partner import Came, Keys, Receiver, Reply, encrypt, entity, halves, make_keys, receipt, sign
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from simulator_partner import Bench

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.identity import Identity, identity
from gateway.simulator.as2.office import Office

PAYLOAD = b"ISA*00*some\nbytes*~\r"
ONE = "<one@gateway.example>"
PROCESSED = "automatic-action/MDN-sent-automatically; processed"


@dataclass
class Far:
    """A simulator in this process: its mailroom beats when told, its listener has a real port."""

    bench: Bench
    office: Office
    port: int
    partner: Keys
    folder: Path

    @property
    def certificate(self) -> Path:
        return self.office.own.certificate_file

    def inbound(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.bench.mailroom.inbound.iterdir())]

    def message(self, payload: bytes = PAYLOAD) -> bytes:
        return encrypt(sign(entity(payload), self.partner), self.certificate)

    def deeds(self) -> list[dict[str, str]]:
        return deeds_of(self.bench)


def deeds_of(bench: Bench) -> list[dict[str, str]]:
    """The whole journal."""
    bench.mailroom.beat()
    return [json.loads(line) for line in (bench.folder / "journal.jsonl").read_text().splitlines()]


class Cast:
    """The keys of both companies, made once for many simulators because that takes long."""

    def __init__(self, folder: Path) -> None:
        self.partner = make_keys(folder, "partner")
        self._kept = folder / "as2"
        self.own = identity(self._kept, "SIMPAYER")
        identity(self._kept / "stranger", "STRANGER")
        self.theirs = _identity_of(self.partner)
        self.agreement = Agreement(partner_certificates=(self.theirs.certificate,), late_s=0.05, slow_s=0.05)

    def settle_in(self, folder: Path) -> Bench:
        """A mailroom on a folder that has the keys already."""
        shutil.copytree(self._kept, folder / "as2")
        return Bench(folder)

    @contextmanager
    def started(self, folder: Path, agreement: Agreement) -> Iterator[Far]:
        bench = self.settle_in(folder)
        office = Office(folder, agreement, bench.clock)
        try:
            port = office.open(sending=False)["as2_port"]
            assert isinstance(port, int)
            yield Far(bench, office, port, self.partner, folder)
        finally:
            office.close()
            bench.mailroom.close()


def _identity_of(keys: Keys) -> Identity:
    key = load_pem_private_key(keys.key.read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    return Identity(x509.load_pem_x509_certificate(keys.certificate.read_bytes()), key, keys.certificate, keys.key)


def mic(covered: bytes, digest: str = "sha256") -> str:
    return base64.b64encode(hashlib.new(digest, covered).digest()).decode()


@dataclass
class Post:
    """A simulator that sends to a listener of the test, beat by beat on a clock that the test moves."""

    far: Far
    receiver: Receiver

    def publish(self, payload: bytes = PAYLOAD) -> None:
        (self.far.bench.mailroom.outbound / "999_000001.x12").write_bytes(payload)

    def beat(self, seconds: float = 0) -> int:
        self.far.bench.clock.forward(seconds)
        assert self.far.office.sender is not None
        return self.far.office.sender.send_due()

    def opened(self, came: Came) -> tuple[bytes, str]:
        return came.opened(self.far.partner, self.far.certificate, self.far.folder)

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self.far.bench.mailroom.outbound.iterdir())

    def did(self) -> list[str]:
        return [
            f"{each['did']} {each['why']}" if "why" in each else each["did"]
            for each in self.far.deeds()
            if "as2" in each["did"]
        ]


def receipting(
    post: Post,
    mic: str = "",
    disposition: str = "processed",
    keys: Keys | None = None,
    signed: bool = True,
    about: str = "",
) -> Reply:
    """The signed receipt for the last message that came in."""
    came = post.receiver.came[-1]
    told = receipt(about or came.headers["Message-ID"], mic or post.opened(came)[1], disposition)
    head, content = halves(sign(told, keys or post.far.partner) if signed else told)
    return 200, dict(head.items()), content


def status(code: int, **headers: str) -> Callable[[Post], Reply]:
    return lambda post: (code, {name.replace("_", "-"): value for name, value in headers.items()}, b"")
