"""The interoperability matrix is what its table says: every cell works, or has a reason and says who is right.

CI plays the whole of it, which takes most of a minute; elsewhere chance, always the same, chooses one case of eight.
"""

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import as2_running
import interop_matrix
import pytest
from as2_ours import MESSAGE_ID, Ours
from as2_peers import Built, Opened, Peer, PeerFailed, Receipt, Wish, keys_in, require
from as2_running import STARTS
from interop_cases import CIPHERS, DIGESTS, ENCODINGS, OAEP, PAYLOADS, PROTECTIONS, Case, cases
from interop_matrix import CELL, OK, WIDTHS, exceptions, pinned, place
from openssl_peer import has_zlib, parts_of, split

SHARE = 1 if os.environ.get("CI") else 8
ALL = [case for name in STARTS for case in cases(name)]


DISPOSITIONS = {
    "processed/error: decryption-failed": "the partner did not take it: processed/error: decryption-failed",
    "failed/failure: unsupported format": "the partner did not take it: failed/failure: unsupported format",
    "processed/warning: duplicate-document": "",
}
OTHER_MIC = base64.b64encode(bytes(32)).decode()
ATTACHMENTS = {"claims.x12": b"ISA*00~\n", "note.pdf": bytes(range(256)), "empty.x12": b""}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def peers(keys: Path) -> Iterator[dict[str, Peer]]:
    with as2_running.running(keys) as started:
        yield started


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", STARTS)
def test_the_peer_and_we_read_each_other_as_the_table_says(name: str) -> None:
    require(name)
    expected = pinned()
    if name == "OpenSSL" and has_zlib():  # Debian's has none.
        expected |= {cell: OK for cell, key in expected.items() if key in ("zlib", "unzlib")}
    done = list(interop_matrix.played(name, share=SHARE, seed=4130))
    assert len(done) == len(list(cases(name))) // SHARE
    assert [(each.case, each.outcome, each.detail) for each in done if each.key != expected[place(each.case)]] == []


def test_the_table_has_every_case_and_no_other() -> None:
    assert set(pinned()) == set(map(place, ALL))
    assert len(set(map(place, ALL))) == len(ALL)
    for case in ALL:
        assert all(len(word) <= width for word, width in zip(case.row, WIDTHS, strict=True))


def test_the_cases_go_through_protections_algorithms_encodings_and_payloads_both_ways() -> None:
    for name in ("BouncyCastle", "OpenSSL"):
        for we_build in (True, False):
            chosen = [case for case in cases(name) if case.we_build is we_build]
            assert len(chosen) >= 60
            assert {case.protection for case in chosen} == set(PROTECTIONS)
            assert {case.payload for case in chosen} == set(PAYLOADS)
            assert {case.wish.encoding for case in chosen} >= set(ENCODINGS) - {""}
            assert {(case.wish.sign, case.wish.pss) for case in chosen} >= {
                (sign, pss) for sign in DIGESTS for pss in (True, False)
            }
            assert {case.wish.encrypt for case in chosen} == {"", *CIPHERS}
            assert {case.protection for case in chosen if case.payload == "large"} >= set(list(PROTECTIONS)[:3])
            assert {case.wish.transport for case in chosen} == {"pkcs1v15", *OAEP}
    assert len(list(cases("libas2"))) >= 60


def test_nothing_is_explained_that_works_and_each_explanation_says_who_is_right() -> None:
    keys = set(pinned().values())
    assert keys == {OK, *exceptions()}, "an explanation is missing, or explains nothing any more"
    facts = ALL[0].facts
    for name, each in exceptions().items():
        assert len(name) <= CELL
        assert set(each) == {"outcome", "of", "why", "right"}
        assert set(each["of"]) <= set(facts)
        assert all("\n" not in each[word] and len(each[word]) <= 120 for word in ("why", "right"))
        assert each["of"]["peer"] != ["BouncyCastle"], "it has everything, so nothing of it needs an explanation"


@pytest.mark.parametrize("signed", ["", "sha256"])
@pytest.mark.parametrize("name", STARTS)
def test_a_receipt_that_says_no_says_so_on_both_sides(
    peers: dict[str, Peer], keys: Path, name: str, signed: str
) -> None:
    ours, peer = Ours(keys), peers[name]
    built = ours.build(b"ISA*00~", Wish(sign="sha256", me="us", you="them"))
    for short, verdict in DISPOSITIONS.items():
        asked = Receipt(
            message_id=MESSAGE_ID,
            disposition=f"automatic-action/MDN-sent-automatically; {short}",
            mic=built.mic,
            mic_algorithm=built.mic_algorithm,
            signed=signed,
        )
        read = peer.read_mdn(ours.build_mdn(asked, me="us", you="them"), me="them", you="us")
        assert (read.disposition, read.signed) == (asked.disposition, signed)
        said = peer.build_mdn(asked, me="them", you="us")
        if verdict:
            with pytest.raises(PeerFailed, match=verdict):
                ours.read_mdn(said, me="us", you="them")
        else:
            assert ours.read_mdn(said, me="us", you="them").disposition == asked.disposition


@pytest.mark.parametrize("name", STARTS)
def test_a_peers_receipt_does_not_count_under_another_key_or_mic(peers: dict[str, Peer], keys: Path, name: str) -> None:
    ours, peer = Ours(keys), peers[name]
    built = ours.build(b"ISA*00~", Wish(sign="sha256", me="us", you="them"))
    right = Receipt(message_id=MESSAGE_ID, mic=built.mic, mic_algorithm="sha256", signed="sha256")
    assert ours.read_mdn(peer.build_mdn(right, me="them", you="us"), me="us", you="them").signed
    wrong = {
        "authentication-failed": peer.build_mdn(right, me="other", you="us"),
        "received other content": peer.build_mdn(replace(right, mic=OTHER_MIC), me="them", you="us"),
        "another message": peer.build_mdn(replace(right, message_id="<2@us.example>"), me="them", you="us"),
    }
    for why, entity in wrong.items():
        with pytest.raises(PeerFailed, match=why):
            ours.read_mdn(entity, me="us", you="them")


@pytest.mark.parametrize("wish", [Wish(sign="sha256"), Wish(sign="sha512", encrypt="aes256-cbc")])
@pytest.mark.parametrize("name", ["BouncyCastle", "OpenSSL"])
def test_several_attachments_are_the_same_to_a_peer_and_us(
    peers: dict[str, Peer], keys: Path, name: str, wish: Wish
) -> None:
    """RFC 6362."""
    ours, peer = Ours(keys), peers[name]
    built = ours.build_several(ATTACHMENTS, replace(wish, me="us", you="them"))
    opened = peer.open(built.entity, me="them", you="us")
    assert opened.mic == built.mic
    parts = parts_of({"content-type": opened.type}, opened.payload)
    assert [split(each)[1] for each in parts] == list(ATTACHMENTS.values())
    theirs = peer.build(opened.payload, replace(wish, type=opened.type, encoding="binary", name=""))
    found = ours.open_several(theirs.entity, me="us", you="them")
    assert {each.name: each.payload for each in found} == ATTACHMENTS
    assert {each.mic for each in found} == {theirs.mic}


class _Silent:
    """A peer that can nothing."""

    name = "OpenSSL"

    def build(self, payload: bytes, wish: Wish) -> Built:
        raise PeerFailed("not today")

    def open(self, entity: bytes, *, me: str, you: str) -> Opened:
        raise PeerFailed("not today")

    def build_mdn(self, receipt: Receipt, *, me: str, you: str) -> bytes:
        raise PeerFailed("not today")

    def read_mdn(self, entity: bytes, *, me: str, you: str) -> Receipt:
        raise PeerFailed("not today")

    def close(self) -> None:
        """Nothing was open."""


def test_the_command_prints_the_matrix_and_fails_at_what_nobody_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def few(name: str) -> list[Case]:
        return [case for case in cases(name) if case.protection in ("sign", "compress") and case.payload == "bytes"]

    monkeypatch.setattr(interop_matrix, "cases", few)
    monkeypatch.setattr(interop_matrix, "missing", lambda name: "")
    monkeypatch.setitem(STARTS, "OpenSSL", lambda keys: _Silent())
    assert interop_matrix.main("OpenSSL", "--update") == 1, "and the table stays as it is"
    printed = capsys.readouterr().out.splitlines()
    count = len(few("OpenSSL"))
    assert "OpenSSL builds, we open" in printed
    assert printed[-1] == f"{count} cases, {count - 2} of them fail without an explanation"
    assert any(line.startswith("zlib: 1 x they cannot build. ") for line in printed)
    assert "we build, OpenSSL opens, sign, sha256, base64, bytes: they refuse: not today" in printed
    monkeypatch.setattr(interop_matrix, "missing", lambda name: f"{name} is missing here")
    assert interop_matrix.main("OpenSSL") == 2
    assert "OpenSSL is missing here" in capsys.readouterr().err
