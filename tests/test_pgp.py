"""OpenPGP around a mailbox: only what was encrypted to us and signed by the partner comes in; nothing plain leaks."""

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock as StageClock
from flow_stage import PARTNER, on_stage, request_json
from test_transport import Clock, Memory, noise

from gateway.domain.decision import Review
from gateway.errors import GatewayError, PartnerRefused
from gateway.flow import delivered
from gateway.settings import Settings
from gateway.store import Store
from gateway.transport.base import Arrival, Outcome, open_transport
from gateway.transport.directory import DirectorySettings
from gateway.transport.pgp import PgpMailbox, PgpSettings
from gateway.transport.pickup import Sightings

pytestmark = pytest.mark.skipif(not shutil.which("gpg"), reason="GnuPG is not on this machine (apt-get install gpg)")

ISA = b"ISA*00*DOE*JANE~" * 20
A1 = Review(code="A1", number="CERT0001")
USUAL = tempfile.gettempdir()
PASSPHRASE = "schlüssel 7"
OLD = "20200101T000000"


@dataclass
class Person:
    """Somebody with a key in a home of their own; the tool is GnuPG itself."""

    home: Path
    name: str
    fingerprint: str = ""

    def gpg(self, *arguments: str, data: bytes = b"", check: bool = True) -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--yes", "--trust-model", "always"]
        command += ["--pinentry-mode", "loopback", *arguments]
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self, passphrase: str = "", *, at: str = "", expire: str = "never") -> "Person":
        then = ["--faked-system-time", at] if at else []
        protect = ["--passphrase", passphrase, "--quick-gen-key", self.name, "future-default", "default", expire]
        self.gpg(*then, *protect)
        listed = self.gpg(*then, "--with-colons", "--list-keys").decode().splitlines()
        self.fingerprint = next(each for each in listed if each.startswith("fpr:")).split(":")[9]
        return self

    def public(self) -> str:
        return self.gpg("--armor", "--export").decode()

    def secret(self, passphrase: str = "") -> str:
        return self.gpg("--armor", "--passphrase", passphrase, "--export-secret-keys").decode()

    def knows(self, *others: "Person") -> None:
        for each in others:
            self.gpg("--import", data=each.public().encode())

    def writes(self, content: bytes, to: "Person", *options: str, sign: bool = True) -> bytes:
        signing = ["--sign", "--local-user", self.fingerprint] if sign else []
        return self.gpg("--encrypt", *signing, "--recipient", to.fingerprint, *options, data=content)

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture(scope="module")
def person() -> Iterator[Callable[..., Person]]:
    people = []

    def made(name: str, **options: Any) -> Person:
        people.append(Person(Path(tempfile.mkdtemp(prefix="p-", dir=USUAL)), name))
        return people[-1].make(**options)

    yield made
    for each in people:
        each.close()


@dataclass
class Cast:
    us: Person
    them: Person
    stranger: Person


@pytest.fixture(scope="module")
def cast(person: Callable[..., Person]) -> Cast:
    us, them = person("Gateway <us@example.org>", passphrase=PASSPHRASE), person("Partner <them@example.org>")
    stranger = person("Stranger <else@example.org>")
    them.knows(us)
    stranger.knows(us)
    return Cast(us, them, stranger)


@dataclass
class Box:
    settings: PgpSettings
    inbox: Path
    outbox: Path
    homes: Path
    seen: Memory
    clock: Clock
    opened: list[PgpMailbox]

    def open(self, **changes: Any) -> PgpMailbox:
        below = open_transport(
            DirectorySettings(inbox=str(self.inbox), outbox=str(self.outbox)),
            sightings=Sightings(self.clock, settle_s=0),
        )
        self.opened.append(PgpMailbox(below, replace(self.settings, **changes)))
        return self.opened[-1]

    def poll(self, mailbox: PgpMailbox) -> list[bytes]:
        return [each.payload.read() for each in mailbox.fetch(self.seen)]

    def poll_twice(self, mailbox: PgpMailbox) -> list[bytes]:
        assert self.poll(mailbox) == []
        return self.poll(mailbox)


@pytest.fixture
def box(cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    folders = [tmp_path / name for name in ("inbox", "outbox")]
    for each in folders:
        each.mkdir()
    homes = Path(tempfile.mkdtemp(prefix="h-"))
    monkeypatch.setattr(tempfile, "tempdir", str(homes))
    settings = PgpSettings(
        their_keys=(cast.them.public(),),
        our_keys=(cast.us.secret(PASSPHRASE),),
        passphrase=PASSPHRASE,
        encrypt_to=(cast.them.fingerprint,),
        sign_with=cast.us.fingerprint,
        decrypt=True,
        signers=(cast.them.fingerprint,),
        spool=tmp_path / "spool",
    )
    made = Box(settings, folders[0], folders[1], homes, Memory(), Clock(), [])
    yield made
    for mailbox in made.opened:
        mailbox.close()
    left = [str(path) for path in homes.rglob("*")]
    shutil.rmtree(homes)
    assert left == [], "no key and no content is left behind"


def told(mailbox: PgpMailbox) -> str:
    (finding,) = mailbox.findings
    return str(finding)


# ---- Out


@pytest.mark.parametrize("armor", [False, True])
@pytest.mark.parametrize("size", [0, 320, 3 * 1024 * 1024])
def test_what_we_send_is_encrypted_to_the_partner_and_signed_by_us(
    box: Box, cast: Cast, size: int, armor: bool
) -> None:
    content = noise(size)
    assert box.open(armor=armor).send("278_1.PGP", io.BytesIO(content), size) == Outcome.delivered()
    (sent,) = box.outbox.iterdir()
    assert sent.name == "278_1.PGP"
    sealed = sent.read_bytes()
    assert sealed.startswith(b"-----BEGIN PGP MESSAGE-----") == armor
    assert content[:64] not in sealed or not size
    told_by = subprocess.run(
        ["gpg", "--homedir", str(cast.them.home), "--batch", "--status-fd", "2", "--decrypt"],
        input=sealed,
        capture_output=True,
        check=True,
    )
    assert told_by.stdout == content
    assert f"VALIDSIG {cast.us.fingerprint}" in told_by.stderr.decode()


def test_unsigned_where_no_key_of_ours_is_named(box: Box, cast: Cast) -> None:
    mailbox = box.open(sign_with="", our_keys=(), decrypt=False, passphrase="")
    assert mailbox.send("a", io.BytesIO(ISA), len(ISA)) == Outcome.delivered()
    assert cast.them.gpg("--decrypt", data=(box.outbox / "a").read_bytes()) == ISA


def test_plain_where_nobody_is_named_to_encrypt_to(box: Box) -> None:
    assert box.open(encrypt_to=(), sign_with="").send("a", io.BytesIO(ISA), len(ISA)) == Outcome.delivered()
    assert (box.outbox / "a").read_bytes() == ISA


def test_a_document_of_ours_that_is_cut_short_is_not_sent(box: Box) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("Input/output error")

    mailbox = box.open()
    for payload, words in ((io.BytesIO(ISA), "has 320 bytes and not 321"), (Broken(), "cannot be read")):
        with pytest.raises(GatewayError, match=words) as caught:
            mailbox.send("a", payload, 321)
        assert type(caught.value) is GatewayError
    assert not list(box.outbox.iterdir())


def test_a_key_of_the_partner_that_has_expired_stops_traffic_in_words(box: Box, person: Callable[..., Person]) -> None:
    late = person("Late <late@example.org>", at=OLD, expire="1d")
    mailbox = box.open(their_keys=(late.public(),), encrypt_to=(late.fingerprint,), signers=(late.fingerprint,))
    with pytest.raises(PartnerRefused, match=r"can't be encrypted for the partner: .*key") as caught:
        mailbox.send("a", io.BytesIO(ISA), len(ISA))
    assert "ask the partner for a new one" in caught.value.fix
    assert not list(box.outbox.iterdir())


@pytest.mark.parametrize("wrong", ["", "sesame"])
def test_a_wrong_passphrase_is_told_and_not_said(box: Box, cast: Cast, wrong: str) -> None:
    with pytest.raises(PartnerRefused, match="passphrase") as caught:
        box.open(passphrase=wrong).send("a", io.BytesIO(ISA), len(ISA))
    assert "sesame" not in str(caught.value)
    assert not list(box.outbox.iterdir())
    (box.inbox / "a").write_bytes(cast.them.writes(ISA, cast.us))
    mailbox = box.open(passphrase=wrong)
    assert box.poll_twice(mailbox) == []
    assert "passphrase of our key is missing or wrong" in told(mailbox)


@pytest.mark.parametrize("changed", ["encrypt_to", "sign_with", "signers"])
def test_a_fingerprint_that_no_key_has_is_told_by_the_probe(box: Box, changed: str) -> None:
    other: Any = "0" * 40
    mailbox = box.open(**{changed: other if changed == "sign_with" else (other,)})
    (check,) = mailbox.probe()
    assert (check.step, check.ok) == ("pgp", False)
    assert other in check.words


def test_a_text_that_is_no_key_is_told(box: Box) -> None:
    (check,) = box.open(their_keys=("no key",)).probe()
    assert "can't be read" in check.words


def test_the_probe_goes_on_to_the_mailbox(box: Box) -> None:
    checks = box.open().probe(writing=True)
    assert checks[0].words == "2 public and 1 secret keys can be used"
    assert [each.step for each in checks] == ["pgp", "inbox", "outbox", "write", "read", "rename", "remove"]
    assert all(each.ok for each in checks)


# ---- In


@pytest.mark.parametrize("size", [0, 320, 3 * 1024 * 1024])
@pytest.mark.parametrize("options", [[], ["--armor"], ["--compress-algo", "none"]], ids=["binary", "text", "as it is"])
def test_what_the_partner_encrypted_and_signed_comes_as_it_was(
    box: Box, cast: Cast, size: int, options: list[str]
) -> None:
    content = noise(size)
    (box.inbox / "a.pgp").write_bytes(cast.them.writes(content, cast.us, *options))
    mailbox = box.open()
    assert box.poll(mailbox) == []
    came: list[Arrival] = []
    for arrival in mailbox.fetch(box.seen):
        came.append(arrival)
        assert (arrival.payload.read(), arrival.size) == (content, size)
        mailbox.confirm(arrival)
    assert len(came) == 1
    assert not list(box.inbox.iterdir())
    assert mailbox.findings == []


REFUSED: dict[str, tuple[Callable[[Cast], bytes], str]] = {
    "plain": (lambda cast: ISA, "no OpenPGP message"),
    "empty": (lambda cast: b"", "no OpenPGP message"),
    "unsigned": (lambda cast: cast.them.writes(ISA, cast.us, sign=False), "carries no signature"),
    "stranger": (lambda cast: cast.stranger.writes(ISA, cast.us), "signature is of an unknown key"),
    "to another": (lambda cast: cast.them.writes(ISA, cast.them), "keys that are not ours"),
    "cut short": (lambda cast: cast.them.writes(noise(100_000), cast.us)[:50_000], ""),
    "altered": (lambda cast: bytes(_altered(cast.them.writes(noise(100_000), cast.us))), ""),
    "only signed": (lambda cast: cast.them.gpg("--sign", data=ISA), ""),
    "weak digest": (
        lambda cast: cast.them.writes(ISA, cast.us, "--digest-algo", "SHA1", "--allow-weak-digest-algos"),
        "too weak an algorithm",
    ),
    "two messages": (lambda cast: cast.them.writes(ISA, cast.us) + cast.them.writes(ISA, cast.us), ""),
    "a key": (lambda cast: cast.them.public().encode(), ""),
}


def _altered(sealed: bytes) -> bytearray:
    changed = bytearray(sealed)
    changed[len(changed) // 2] ^= 1
    return changed


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_was_not_agreed_on_stays_where_it_is_and_stops_no_other(box: Box, cast: Cast, name: str) -> None:
    make, words = REFUSED[name]
    bad = box.inbox / "DOE JANE.pgp"
    bad.write_bytes(make(cast))
    os.utime(bad, (1, 1))
    (box.inbox / "good.pgp").write_bytes(cast.them.writes(b"good", cast.us))
    mailbox = box.open()
    assert box.poll_twice(mailbox) == [b"good"]
    assert bad.exists()
    assert words in told(mailbox)
    assert "DOE" not in told(mailbox)
    assert box.poll(mailbox) == [b"good"]
    assert words in told(mailbox), "it is told again, and not fetched again"


def test_a_known_key_that_is_not_pinned_does_not_count(box: Box, cast: Cast) -> None:
    (box.inbox / "a").write_bytes(cast.stranger.writes(ISA, cast.us))
    mailbox = box.open(their_keys=(cast.them.public(), cast.stranger.public()))
    assert box.poll_twice(mailbox) == []
    assert "not pinned in signers" in told(mailbox)


def test_a_file_without_signature_comes_where_that_was_agreed_on(box: Box, cast: Cast) -> None:
    (box.inbox / "a").write_bytes(cast.them.writes(ISA, cast.us, sign=False))
    assert box.poll_twice(box.open(require_signature=False, signers=())) == [ISA]
    (box.inbox / "a").write_bytes(cast.stranger.writes(ISA, cast.us))
    mailbox = box.open(require_signature=False)
    assert box.poll_twice(mailbox) == []
    assert told(mailbox), "a signature that is there must be a pinned one all the same"


def test_a_key_of_ours_takes_the_place_of_another(box: Box, cast: Cast, person: Callable[..., Person]) -> None:
    new = person("Gateway 2 <us2@example.org>", passphrase=PASSPHRASE)
    cast.them.knows(new)
    for name, to in (("a", cast.us), ("b", new)):
        (box.inbox / name).write_bytes(cast.them.writes(ISA, to))
    both = (cast.us.secret(PASSPHRASE), new.secret(PASSPHRASE))
    assert box.poll_twice(box.open(our_keys=both)) == [ISA, ISA]


def test_a_bomb_is_cut_off_at_what_one_file_may_hold(box: Box, cast: Cast) -> None:
    (box.inbox / "a").write_bytes(cast.them.writes(bytes(20_000_000), cast.us, "--compress-algo", "bzip2"))
    assert (box.inbox / "a").stat().st_size < 10_000
    mailbox = box.open(plain_max=1_000_000)
    assert box.poll_twice(mailbox) == []
    assert told(mailbox)


def test_the_home_is_ours_alone_while_it_is_there(box: Box) -> None:
    mailbox = box.open()
    mailbox.send("a", io.BytesIO(ISA), len(ISA))
    (home,) = box.homes.glob("gpg-*")
    assert home.stat().st_mode & 0o777 == 0o700
    mailbox.close()
    assert not home.exists()


def test_what_a_killed_process_left_behind_is_removed_with_its_keys(box: Box) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, alive = box.homes / f"gpg-{dead.pid}-abc", box.homes / f"gpg-{os.getpid()}-abc"
    for each in (left, alive):
        each.mkdir()
        (each / "private-keys-v1.d").mkdir()
    assert box.open().probe()[0].ok
    assert not left.exists()
    assert alive.exists()
    shutil.rmtree(alive)


def test_settings_do_not_show_their_secrets(box: Box) -> None:
    assert PASSPHRASE not in repr(box.settings)
    assert "PRIVATE KEY" not in repr(box.settings)


def test_without_gpg_traffic_stops_in_words(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(box.inbox))
    with pytest.raises(PartnerRefused, match="GnuPG can't be run") as caught:
        box.open().send("a", io.BytesIO(ISA), len(ISA))
    assert "Install gpg" in caught.value.fix


# ---- As a partner's file says it


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_partner_with_openpgp_gets_and_gives_sealed_files_from_end_to_end(
    store: Store, clock: StageClock, tmp_path: Path, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = on_stage(store, clock, tmp_path)
    keys = tmp_path / "trading_partners" / "keys"
    keys.mkdir()
    (keys / "ours.asc").write_text(cast.us.secret(PASSPHRASE))
    (keys / "partner.asc").write_text(cast.them.public())
    monkeypatch.setenv("PGP_PASSPHRASE", PASSPHRASE)
    table = f"""[transport.pgp]
their_keys = ["file:{keys}/partner.asc"]
our_keys = ["file:{keys}/ours.asc"]
passphrase = "env:PGP_PASSPHRASE"
encrypt_to = ["{cast.them.fingerprint.lower()}"]
sign_with = "{cast.us.fingerprint}"
decrypt = true
signers = ["{cast.them.fingerprint}"]

[expectations]"""
    partner = tmp_path / "trading_partners" / f"{PARTNER}.toml"
    partner.write_text(partner.read_text().replace("[expectations]", table))
    stage.house.settings = Settings.load(tmp_path / "conf" / "gateway.toml")
    stage.submit(request_json())
    with monkeypatch.context() as patched:
        patched.setattr(delivered, "sent", _dies)  # It is there, and we do not know.
        with pytest.raises(KeyboardInterrupt):
            stage.work()
    (sent,) = stage.outbox.iterdir()
    before = sent.read_bytes()
    assert cast.them.gpg("--decrypt", data=before).startswith(b"ISA*")
    with stage.store.transaction(stage.house.everything()) as tx:
        assert tx.jobs.release_node("stage") == 1
    stage.work()
    assert stage.request().state == "sent"
    assert sent.read_bytes() == before, "it was found by its name, and not sent again"
    (stage.inbox / "answer.pgp").write_bytes(cast.them.writes(stage.decided(review=A1), cast.us))
    (stage.inbox / "plain.edi").write_bytes(stage.decided())
    assert stage.poll() == 1
    stage.work()
    assert stage.request().state == "certified"
    (task,) = stage.tasks("left_lying")
    assert "no OpenPGP message" in task.reason
    stage.house.gates.close()
    assert stage._pickup is not None
    stage._pickup.close()


def _dies(*_: object, **named: object) -> None:
    raise KeyboardInterrupt
