"""Who is there and who we are, over SFTP: OpenSSH with old algorithms only, and with certificates on both sides."""

import base64
import os
import pwd
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sftp_peers import OLD_ALGORITHMS, SSHD, Sshd, make_key, sign_key

from gateway.errors import PartnerRefused, SettingsInvalid
from gateway.settings.old_algorithms import NEVER, fault
from gateway.settings.old_algorithms import OLD as MAY_BE_ALLOWED
from gateway.transport.sftp import SftpSettings, SftpTransport
from gateway.transport.sftp.algorithms import HOST_KEYS, KEY_EXCHANGES, OLD, Algorithms
from gateway.transport.sftp.certificates import host_fault, read_certificate

USER = pwd.getpwuid(os.geteuid()).pw_name
ALLOWED = ("ssh-rsa", "diffie-hellman-group14-sha1", "aes128-cbc", "hmac-sha1")
Start = Callable[..., Sshd]

pytestmark = pytest.mark.skipif(
    not SSHD, reason="OpenSSH's sshd is not on this machine (apt-get install openssh-server)"
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts sshd; ``{folder}`` in an option is where its keys lie."""
    peers: list[Sshd] = []

    def started(*options: str, **kinds: str) -> Sshd:
        folder = tmp_path / f"sshd{len(peers)}"
        folder.mkdir(exist_ok=True)
        peers.append(Sshd(folder, *options, **kinds))
        return peers[-1]

    yield started
    for each in peers:
        each.close()


def reach(peer: Sshd, folder: Path, **changes: Any) -> SftpTransport:
    box = folder / "box"
    box.mkdir(exist_ok=True)
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": peer.port,
        "username": USER,
        "key": peer.key,
        "host_keys": (peer.host_key,),
        "inbox": str(box),
        "outbox": str(box),
        "timeout_s": 10,
    }
    now = changes.pop("now", None)
    settings = SftpSettings(**{**given, **changes})
    return SftpTransport(settings, now=now) if now else SftpTransport(settings)


def refusal(peer: Sshd, folder: Path, **changes: Any) -> PartnerRefused:
    with reach(peer, folder, **changes) as transport, pytest.raises(PartnerRefused) as caught:
        transport.listing()
    return caught.value


# ---- Algorithms


def test_a_server_with_only_old_algorithms_is_reached_where_its_file_allows_them(start: Start, tmp_path: Path) -> None:
    peer = start(*OLD_ALGORITHMS, host="rsa")
    with reach(peer, tmp_path, allow=ALLOWED) as transport:
        assert transport.listing() == ()
        assert "aes128-cbc, host key ssh-rsa" in transport.probe()[1].words


@pytest.mark.parametrize("missing", ALLOWED)
def test_a_server_with_only_old_algorithms_is_refused_with_what_its_file_could_allow(
    start: Start, tmp_path: Path, missing: str
) -> None:
    peer = start(*OLD_ALGORITHMS, host="rsa")
    error = refusal(peer, tmp_path, allow=tuple(each for each in ALLOWED if each != missing))
    assert missing in error.what
    assert f'allow = ["{missing}"]' in error.fix


def test_an_rsa_key_signs_our_login_with_sha_1_where_it_is_allowed_and_the_server_knows_nothing_better(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Algorithms, "_parse_ext_info", lambda self, message: None)  # A server from before RFC 8308.
    peer = start("PubkeyAcceptedAlgorithms ssh-rsa", user="rsa")
    with reach(peer, tmp_path, allow=("ssh-rsa",)) as transport:
        assert transport.listing() == ()
    assert "refused the login" in refusal(peer, tmp_path).what


@pytest.mark.parametrize("name", sorted(set(OLD) - {"ssh-rsa"}))
def test_every_old_algorithm_that_may_be_allowed_works(start: Start, tmp_path: Path, name: str) -> None:
    option = {"key exchange": "KexAlgorithms", "cipher": "Ciphers", "MAC": "MACs"}[OLD[name]]
    ciphers = ("Ciphers aes256-ctr",) if option == "MACs" else ()  # GCM needs no MAC, and would ask for none.
    peer = start(f"{option} {name}", *ciphers)
    with reach(peer, tmp_path, allow=(name,)) as transport:
        assert transport.listing() == ()
    assert name in refusal(peer, tmp_path).what


def test_modern_algorithms_are_agreed_on_even_where_old_ones_are_allowed(start: Start, tmp_path: Path) -> None:
    with reach(start(), tmp_path, allow=tuple(OLD)) as transport:
        assert "aes256-gcm@openssh.com, host key ssh-ed25519" in transport.probe()[1].words


def test_the_key_exchange_of_rfc_8731_is_known_by_that_name_too(start: Start, tmp_path: Path) -> None:
    with reach(start("KexAlgorithms curve25519-sha256"), tmp_path) as transport:
        assert transport.listing() == ()


@pytest.mark.parametrize("name", [*NEVER, "aes256-ctr", "rot13"])
def test_what_cannot_be_allowed_is_refused_with_the_reason(name: str) -> None:
    assert name in fault(name)


def test_what_a_file_may_allow_is_what_can_be_offered() -> None:
    assert tuple(OLD) == MAY_BE_ALLOWED
    assert not [each for each in OLD if fault(each)]


def test_no_old_algorithm_is_in_the_default_lists() -> None:
    offered = {*KEY_EXCHANGES, *(name for names in HOST_KEYS.values() for name in names)}
    assert not offered & (set(OLD) | set(NEVER))
    assert not [each for each in offered if "sha1" in each]
    assert set(KEY_EXCHANGES) <= set(Algorithms._kex_info)


def test_a_host_key_proven_with_sha_1_does_not_pass_for_sha_2(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server agreed on SHA-2 and signs with SHA-1: paramiko would take it."""
    agreed = Algorithms._parse_kex_init  # type: ignore[attr-defined]  # The stubs leave it out.

    def another(self: Any, message: Any) -> None:
        agreed(self, message)
        self.host_key_type = "rsa-sha2-512"

    monkeypatch.setattr(Algorithms, "_parse_kex_init", another)
    peer = start("HostKeyAlgorithms ssh-rsa", host="rsa")
    with reach(peer, tmp_path, allow=("ssh-rsa",)) as transport:
        check = transport.probe()[-1]
    assert not check.ok
    assert "signed with ssh-rsa and not with rsa-sha2-512" in check.words


def test_a_server_that_hangs_up_on_a_refused_login_has_refused_it(start: Start, tmp_path: Path) -> None:
    """With one try, sshd says goodbye in place of a refusal: the account may be locked all the same."""
    error = refusal(start("MaxAuthTries 1"), tmp_path, key=make_key(tmp_path / "wrong"))
    assert "refused the login" in error.what


# ---- Certificates of ours


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_login_with_a_certificate(start: Start, tmp_path: Path, kind: str) -> None:
    make_key(tmp_path / "authority", "ed25519")
    key = make_key(tmp_path / "ours", kind)
    certificate = sign_key(tmp_path, "authority", "ours", "-n", USER, "-V", "-1h:+52w")
    peer = start(f"TrustedUserCAKeys {tmp_path / 'authority.pub'}", "AuthorizedKeysFile none")
    with reach(peer, tmp_path, key=key, certificate=certificate) as transport:
        checks = transport.probe()
    assert all(each.ok for each in checks)
    assert re.search(r"our certificate is valid from 2\d{3}-.* to 2\d{3}-", checks[3].words)
    assert "refused the login" in refusal(peer, tmp_path, key=key).what


def test_a_certificate_that_ended_is_told_before_any_login(start: Start, tmp_path: Path) -> None:
    make_key(tmp_path / "authority")
    key = make_key(tmp_path / "ours")
    certificate = sign_key(tmp_path, "authority", "ours", "-n", USER, "-V", "20200101000000Z:20210101000000Z")
    peer = start()
    error = refusal(peer, tmp_path, key=key, certificate=certificate)
    assert error.what == "our certificate ended on 2021-01-01 00:00 UTC"
    then = datetime(2019, 12, 31, 23, 59, tzinfo=UTC)
    error = refusal(peer, tmp_path, key=key, certificate=certificate, now=lambda: then)
    assert error.what == "our certificate is not valid before 2020-01-01 00:00 UTC"
    assert "ask the partner for a new certificate" in error.fix


@pytest.mark.parametrize(
    ("options", "problem"),
    [(["-h", "-n", "127.0.0.1"], "a host's"), (["other"], "another key"), (["text"], "damaged")],
    ids=["host", "another", "damaged"],
)
def test_a_certificate_that_is_not_for_our_key(tmp_path: Path, options: list[str], problem: str) -> None:
    make_key(tmp_path / "authority")
    key = make_key(tmp_path / "ours")
    make_key(tmp_path / "other")
    name = "other" if options == ["other"] else "ours"
    certificate = sign_key(tmp_path, "authority", name, *(options if options[0] == "-h" else []))
    if options == ["text"]:
        certificate = certificate[:200]
    settings = SftpSettings(
        host="h",
        username="u",
        key=key,
        certificate=certificate,
        host_keys=(f"SHA256:{'A' * 43}",),
        inbox="i",
        outbox="o",
    )
    with pytest.raises(SettingsInvalid, match=problem):
        SftpTransport(settings)


# ---- Certificates of the server

AUTHORITIES = [["ed25519"], ["ecdsa"], ["rsa", "-b", "2048"]]


@pytest.fixture
def certified(tmp_path: Path, start: Start) -> Callable[..., tuple[Sshd, str]]:
    """sshd with a host certificate, and the line that pins its authority."""

    def made(*signing: str, authority: tuple[str, ...] = ("ed25519",), host: str = "ed25519") -> tuple[Sshd, str]:
        make_key(tmp_path / "authority", *authority)
        peer = start("HostCertificate {folder}/host-cert.pub", host=host)
        (tmp_path / "host.pub").write_text(peer.host_key)
        certificate = sign_key(tmp_path, "authority", "host", "-h", *(signing or ("-n", "127.0.0.1")))
        (peer.folder / "host-cert.pub").write_text(certificate)
        return peer, f"@cert-authority * {(tmp_path / 'authority.pub').read_text()}"

    return made


@pytest.mark.parametrize("host", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("authority", AUTHORITIES, ids=lambda each: each[0])
def test_a_host_certificate_of_a_pinned_authority(
    certified: Callable[..., tuple[Sshd, str]], tmp_path: Path, authority: list[str], host: str
) -> None:
    peer, line = certified(authority=tuple(authority), host=host)
    with reach(peer, tmp_path, host_keys=(line,)) as transport:
        checks = transport.probe()
    assert [each.words for each in checks if not each.ok] == []
    assert "its certificate is of a pinned authority, SHA256:" in checks[2].words
    with reach(peer, tmp_path) as transport:  # The plain key stays pinned for others.
        assert transport.probe()[2].words.startswith("it is a pinned one")


@pytest.mark.parametrize(
    ("signing", "words"),
    [
        (("-n", "sftp.example.org,*.example.com"), "is for sftp.example.org, *.example.com"),
        (("-n", "127.0.0.1", "-V", "20200101000000Z:20210101000000Z"), "ended on 2021-01-01 00:00 UTC"),
        (("-n", "127.0.0.1", "-V", "20900101000000Z:20910101000000Z"), "is not valid before 2090-01-01 00:00 UTC"),
        (("-n", "127.0.0.1", "-O", "critical:maze"), "has a condition that we don't know (maze)"),
        (("-V", "always:forever"), "is for no host at all"),
    ],
    ids=["another host", "ended", "not yet", "condition", "no host"],
)
def test_a_host_certificate_that_does_not_vouch_for_the_host(
    certified: Callable[..., tuple[Sshd, str]], tmp_path: Path, signing: tuple[str, ...], words: str
) -> None:
    peer, line = certified(*signing)
    assert words in refusal(peer, tmp_path, host_keys=(line,)).what


def test_a_host_certificate_for_a_pattern_of_hosts(certified: Callable[..., tuple[Sshd, str]], tmp_path: Path) -> None:
    peer, line = certified("-n", "127.0.0.?")
    with reach(peer, tmp_path, host_keys=(line,)) as transport:
        assert transport.listing() == ()


def test_a_host_certificate_signed_with_sha_1_counts_only_where_it_is_allowed(
    certified: Callable[..., tuple[Sshd, str]], tmp_path: Path
) -> None:
    peer, line = certified("-n", "127.0.0.1", "-t", "ssh-rsa", authority=("rsa",))
    assert "was signed with SHA-1" in refusal(peer, tmp_path, host_keys=(line,)).what
    with reach(peer, tmp_path, host_keys=(line,), allow=("ssh-rsa",)) as transport:
        assert transport.listing() == ()


def test_a_host_certificate_of_another_authority_is_a_changed_host_key(
    certified: Callable[..., tuple[Sshd, str]], tmp_path: Path
) -> None:
    peer, _ = certified()
    make_key(tmp_path / "another")
    error = refusal(peer, tmp_path, host_keys=(f"@cert-authority {(tmp_path / 'another.pub').read_text()}",))
    assert "is of the authority SHA256:" in error.what
    assert "by telephone" in error.fix


def test_an_altered_host_certificate(certified: Callable[..., tuple[Sshd, str]], tmp_path: Path) -> None:
    certified()
    blob = base64.b64decode((tmp_path / "host-cert.pub").read_text().split()[1])
    altered = blob.replace(b"127.0.0.1", b"127.0.0.2")
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert host_fault(read_certificate(blob), "127.0.0.1", now, sha1=False) == ""
    assert "signature that is wrong" in host_fault(read_certificate(altered), "127.0.0.2", now, sha1=False)


def test_a_server_without_certificate_where_an_authority_is_pinned(start: Start, tmp_path: Path) -> None:
    make_key(tmp_path / "authority")
    line = f"@cert-authority {(tmp_path / 'authority.pub').read_text()}"
    error = refusal(start(), tmp_path, host_keys=(line,))
    assert "it shows no certificate of the authority SHA256:" in error.what


def test_an_authority_does_not_pin_its_own_key_as_a_host_key(start: Start, tmp_path: Path) -> None:
    peer = start()
    assert "another host key" in refusal(peer, tmp_path, host_keys=(f"@cert-authority {peer.host_key}",)).what


def test_a_revoked_key_is_never_pinned(tmp_path: Path) -> None:
    make_key(tmp_path / "host")
    line = f"@revoked * {(tmp_path / 'host.pub').read_text()}"
    with pytest.raises(SettingsInvalid, match="no host key"):
        SftpTransport(SftpSettings(host="h", username="u", password="p", host_keys=(line,), inbox="i", outbox="o"))
