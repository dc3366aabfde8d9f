"""The peers themselves: that they are there in CI, that they agree with each other, and that they can say no.

What two of them agree on needs nothing of ours; it is what gives their word weight in the matrix (``test_interop``).
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import as2_peers
import as2_running
import pytest
from as2_peers import Built, Peer, PeerFailed, Receipt, Wish
from sftp_peers import SSHD

NAMES = tuple(as2_running.STARTS)
PAYLOADS = (b"ISA*00~\n", b"ISA*00~\r", b"ISA*00~\r\n", b"ISA*00~", bytes(range(256)), b"")
WISHES = (
    Wish(sign="sha1", encoding="base64"),
    Wish(sign="sha512", pss=True, encoding="quoted-printable"),
    Wish(sign="sha256", me="them_ec"),
    Wish(sign="sha384", opaque=True, encoding="base64"),
    Wish(encrypt="3des", transport="oaep-sha1", keyid=True, wrap="base64"),
    Wish(encrypt="aes192-gcm", transport="oaep-sha512"),
    Wish(sign="sha256", encrypt="aes256-cbc", ber=True),
)
SIGNED = Receipt(message_id="<1@example>", mic="7eLBWgQpm1trwpeN8JNPVabE6aReYaSYzCbskZUaiNA=", mic_algorithm="sha256")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as2_peers.keys_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def running(keys: Path) -> Iterator[dict[str, Peer]]:
    with as2_running.running(keys) as peers:
        yield peers


@pytest.mark.parametrize("name", [*NAMES, "sshd", "gpg"])
def test_in_ci_no_peer_is_missing(name: str) -> None:
    found = {"sshd": SSHD, "gpg": shutil.which("gpg")}
    lack = as2_peers.missing(name) if name in NAMES else "" if found[name] else f"{name} is missing here"
    if lack and not os.environ.get("CI"):
        pytest.skip(lack)
    assert not lack, f"{lack}; .ci/run installs it"


def test_a_missing_peer_skips_the_test_that_needs_it_and_fails_it_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as2_peers, "missing", lambda name: f"{name} is missing here: there is no java")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no java"):
        as2_peers.require("BouncyCastle")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"no java; \.ci/run installs it"):
        as2_peers.require("BouncyCastle")


@pytest.mark.parametrize(("builder", "opener"), [("BouncyCastle", "OpenSSL"), ("OpenSSL", "BouncyCastle")])
def test_bouncy_castle_and_openssl_read_each_other(running: dict[str, Peer], builder: str, opener: str) -> None:
    for wish in WISHES:
        for payload in PAYLOADS:
            built = running[builder].build(payload, wish)
            opened = running[opener].open(built.entity, me="us", you=wish.me)
            assert (opened.payload, opened.mic, opened.mic_algorithm) == (payload, built.mic, built.mic_algorithm), wish
            assert opened.name == "x12.edi"
            assert opened.layers == ("encrypted",) * bool(wish.encrypt) + ("signed",) * bool(wish.sign)


def test_bouncy_castle_reads_its_own_compression_in_both_places(running: dict[str, Peer]) -> None:
    peer = running["BouncyCastle"]
    found = {}
    for wish in (
        Wish(sign="sha256", compress="before"),
        Wish(sign="sha256", compress="after"),
        Wish(compress="before"),
    ):
        built = peer.build(PAYLOADS[0], wish)
        opened = peer.open(built.entity, me="us", you="them")
        assert (opened.payload, opened.mic) == (PAYLOADS[0], built.mic)
        found[wish.sign, wish.compress] = opened.layers
    assert found["sha256", "before"] == ("signed", "compressed")
    assert found["sha256", "after"] == ("compressed", "signed")
    assert found["", "before"] == ("compressed",)


@pytest.mark.parametrize("opener", ["BouncyCastle", "OpenSSL"])
def test_what_libas2_builds_the_others_read(running: dict[str, Peer], opener: str) -> None:
    for payload in PAYLOADS[:-1]:
        for wish in (Wish(sign="sha256"), Wish(sign="sha512", encrypt="aes256-cbc"), Wish(encrypt="3des")):
            built = running["libas2"].build(payload, wish)
            opened = running[opener].open(built.entity, me="us", you="them")
            assert opened.payload == payload
            assert not wish.sign or opened.mic == built.mic


@pytest.mark.parametrize("opener", ["BouncyCastle", "OpenSSL"])
def test_libas2_counts_a_last_crlf_wrongly_and_writes_gcm_that_is_not_rfc_5084(
    running: dict[str, Peer], opener: str
) -> None:
    libas2 = running["libas2"]
    wrong = [
        libas2.build_mdn(_signed(SIGNED), me="them", you="us"),
        libas2.build(b"a line\r\n", Wish(sign="sha256", type="text/plain")).entity,
        libas2.build(b"ISA*00~", Wish(encrypt="aes128-gcm")).entity,
    ]
    with pytest.raises(PeerFailed):
        running[opener].read_mdn(wrong[0], me="us", you="them")
    for entity in wrong[1:]:
        with pytest.raises(PeerFailed):
            running[opener].open(entity, me="us", you="them")


@pytest.mark.parametrize("builder", NAMES)
@pytest.mark.parametrize("reader", NAMES)
def test_an_mdn_says_the_same_to_each(running: dict[str, Peer], builder: str, reader: str) -> None:
    for asked in (SIGNED, _signed(SIGNED)):
        if builder == "libas2" and asked.signed:
            continue  # See above: nobody can verify it as it stands, libas2 itself included.
        entity = running[builder].build_mdn(asked, me="them", you="us")
        read = running[reader].read_mdn(entity, me="us", you="them")
        assert (read.message_id, read.mic, read.signed) == (asked.message_id, asked.mic, asked.signed)
        assert read.mic_algorithm == "sha-256"
        assert read.disposition.replace(" ", "") == asked.disposition.replace(" ", "")


@pytest.mark.parametrize("name", NAMES)
def test_a_peer_says_no_to_another_signer_and_to_altered_content(running: dict[str, Peer], name: str) -> None:
    peer = running[name]
    entity = peer.build(b"ISA*00~", Wish(sign="sha256")).entity
    altered = entity.replace(b"SVNBKjAwf", b"SVNBKjAxf").replace(b"ISA*00~", b"ISA*01~")
    assert altered != entity
    assert peer.open(entity, me="us", you="them").payload == b"ISA*00~"
    for wrong, signer in ((entity, "us"), (altered, "them")):
        with pytest.raises(PeerFailed):
            peer.open(wrong, me="us", you=signer)


@pytest.mark.parametrize("name", ["BouncyCastle", "OpenSSL"])
def test_a_peer_says_no_to_a_message_for_another_and_to_a_wrong_gcm_tag(running: dict[str, Peer], name: str) -> None:
    peer = running[name]
    built: Built = peer.build(b"ISA*00~", Wish(encrypt="aes256-gcm"))
    with pytest.raises(PeerFailed):
        peer.open(built.entity, me="them", you="them")
    with pytest.raises(PeerFailed):
        peer.open(built.entity[:-1] + bytes([built.entity[-1] ^ 1]), me="us", you="them")


def _signed(receipt: Receipt) -> Receipt:
    return replace(receipt, signed="sha256")
