"""The interoperability matrix is what its table says: every cell works, or has a reason and says who is right.

CI plays the whole of it, which takes most of a minute; elsewhere chance, always the same, chooses one case of eight.
"""

import os

import interop_matrix
import pytest
from as2_peers import Built, Opened, PeerFailed, Receipt, Wish, require
from interop_cases import CIPHERS, DIGESTS, ENCODINGS, OAEP, PAYLOADS, PROTECTIONS, Case, cases
from interop_matrix import CELL, OK, STARTS, WIDTHS, exceptions, pinned, place
from openssl_peer import has_zlib

SHARE = 1 if os.environ.get("CI") else 8
ALL = [case for name in STARTS for case in cases(name)]


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
