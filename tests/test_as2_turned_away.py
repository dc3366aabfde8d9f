"""What a partner's name may not get away with, over a real line: each refused for a reason that the audit trail holds,
while the partner's other traffic goes on.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from as2_house import As2Stage, as2_stage, receipt_in
from as2_lines import Line, listening
from as2_stage import X12, agreed, document, mirrored
from cms_keys import made
from conftest import Clock
from flow_stage import PARTNER, request_json

from gateway.cli.as2_looking import show_messages, show_refusals
from gateway.flow.as2_arrival import As2Door
from gateway.flow.as2_audit import EVENT, NOBODY
from gateway.store import As2Message, Store
from gateway.transport.as2.mdn import Mdn


class Far:
    """The partner at the other end of a line, which is dialled anew when the listener has hung up."""

    def __init__(self, near: As2Stage, dial: Callable[[], Line]) -> None:
        self.near = near
        self._dial = dial

    def posts(self, headers: list[tuple[str, str]], body: bytes) -> tuple[int, dict[str, str], bytes]:
        with self._dial() as line:
            line.request("POST", tuple(headers), body)
            reply = line.reply()
            return reply.status, reply.headers, reply.body

    def said(self, headers: list[tuple[str, str]], body: bytes) -> Mdn:
        """The receipt of a message."""
        status, answered, content = self.posts(headers, body)
        assert status == 200
        return receipt_in(tuple(answered.items()), content)


def _ours(near: As2Stage) -> As2Message:
    """A message of ours that went out and waits for its receipt."""
    near.stage.submit(request_json())
    near.stage.work("submit")
    (sent,) = near.stage.documents(direction="out")
    with near.stage.store.transaction(near.stage.house.everything()) as tx:
        message = tx.as2_messages.begin(
            partner=PARTNER,
            message_id="<ours@therapy-gateway>",
            document=sent.id,
            mic="q1m2Fh9mBkGb0wFZPNpLJ0mE0h0XbZ7sWmVhUe0t6zI=",
            mic_algorithm="sha256",
        )
        return tx.as2_messages.change(message.id, state="awaited")


def _turned_down(near: As2Stage) -> list[str]:
    return [each["why"] for each in near.stage.details(PARTNER, "message.turned_down")]


def test_forged_mdn_unsigned_weak_algorithm_bomb_16_kb_header_and_traversal_are_refused_and_traffic_goes_on(
    store: Store, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    near = as2_stage(store, clock, tmp_path, transport='mdn = "async"')
    ours = _ours(near)
    with listening(As2Door(near.stage.house), folder=tmp_path / "spool") as listener:
        far = Far(near, listener.line)
        delivered = 0

        def goes_on() -> None:
            nonlocal delivered
            delivered += 1
            assert far.said(*near.message(f"ISA*{delivered}~".encode())).disposition.good
            assert len([each for each in near.contents() if each.startswith(b"ISA*")]) == delivered

        goes_on()

        forged = near.receipt(ours, our_signers=(made("rsa-forger").identity,))
        status, _, _ = far.posts(list(forged.headers), b"".join(forged.chunks()))
        assert status == 400
        assert "signer" in _turned_down(near)[-1] or "signature" in _turned_down(near)[-1]
        assert near.messages("out")[0].state == "awaited"
        goes_on()

        said = far.said(*near.message(X12, sign="")).disposition.short
        assert said == "processed/error: insufficient-message-security"
        assert _turned_down(near)[-1] == "it is not signed, as was agreed on"
        goes_on()

        weaknesses: tuple[dict[str, Any], ...] = (
            {"sign": "sha1", "allow": frozenset({"sha1"})},
            {"encrypt": "3des", "allow": frozenset({"3des"})},
        )
        for weak in weaknesses:
            before = len(_turned_down(near))
            assert not far.said(*near.message(X12, **weak)).disposition.good
            assert len(_turned_down(near)) == before + 1
            assert next(iter(weak["allow"])) in _turned_down(near)[-1].lower().replace("-", "")
            goes_on()

        bomb = near.message(bytes(20_000_000), compress="before")
        assert len(bomb[1]) < 100_000
        assert far.said(*bomb).disposition.short == "processed/error: decompression-failed"
        assert "more than 100 times its size" in _turned_down(near)[-1]
        goes_on()

        headers, body = near.message(X12)
        status, _, _ = far.posts([*headers, ("X-Long", "y" * 16_384)], body)
        assert status == 431
        goes_on()
        while not (written := near.stage.details(NOBODY, EVENT)):
            assert listener.within(lambda: True)  # A thread is just writing it.
        (told,) = written
        assert (told["reason"], told["status"]) == ("headers_too_large", 431)

        assert not far.said(*near.message([document(X12, "../../conf/gateway.toml")])).disposition.good
        assert _turned_down(near)[-1] == "a part's file name may not be used: it leads to another folder"
        goes_on()

        good = near.receipt(ours)
        status, _, _ = far.posts(list(good.headers), b"".join(good.chunks()))
        assert (status, near.messages("out")[0].state) == (200, "received")
    assert len(_turned_down(near)) == len(near.messages(state="refused")) == 6
    assert show_refusals(near.stage.house, 50, as_json=True) == 0
    told_of = {each["reason"]: each for each in json.loads(capsys.readouterr().out)}
    assert told_of.keys() == {*_turned_down(near), "headers_too_large"}
    assert told_of["headers_too_large"]["partner"] == ""
    assert show_refusals(near.stage.house, 50, as_json=False) == 0
    assert "headers too large" in capsys.readouterr().out
    assert show_messages(near.stage.house, PARTNER, 3, as_json=True) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [each["state"] for each in rows] == ["processed", "refused", "processed"]
    assert rows[1]["reason"] == _turned_down(near)[-1]
    assert all(near.stage.store.payloads.read(each.payload) for each in near.messages(state="refused"))


def test_the_two_sides_of_these_tests_are_of_one_agreement() -> None:
    assert mirrored(agreed()).them == agreed().us


@pytest.mark.parametrize("name", ["MESSAGE-ID", "AS2-FROM"])
def test_headers_count_in_any_case_over_the_line(store: Store, clock: Clock, tmp_path: Path, name: str) -> None:
    near = as2_stage(store, clock, tmp_path)
    with listening(As2Door(near.stage.house)) as listener:
        headers, body = near.message(X12)
        changed = [(name if each.upper() == name else each, value) for each, value in headers]
        assert Far(near, listener.line).said(changed, body).disposition.good
