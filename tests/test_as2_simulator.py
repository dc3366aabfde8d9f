"""Our AS2 and the simulator's, each written without the other, over real sockets: what its faults mean to us."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from as2_far import PAYLOAD, Cast, Far
from as2_partner import Keys, Receiver

from gateway.errors import PartnerRefused, PartnerUnreachable
from gateway.simulator.as2.faults import Faults
from gateway.transport.as2 import As2Settings, As2Transport
from gateway.transport.as2.mdn import read_mdn
from gateway.transport.as2.terms import Terms
from gateway.transport.base import Outcome, Proof, Sent
from gateway.transport.cms import Certificate, Identity
from gateway.transport.spool import Spool

REFERENCE = "do_NzUkywi8N8jmgVC9V1CLpQ"


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return Cast(tmp_path_factory.mktemp("cast"))


def terms_of(ours: Keys, theirs: Path, **changes: Any) -> Terms:
    """What we hold of the simulated company."""
    own = Identity.load(ours.certificate.read_bytes(), ours.key.read_bytes())
    certificate = Certificate.load(theirs.read_bytes())
    usual = Terms(
        partner="simulated",
        us="GATEWAY",
        them="SIMPAYER",
        our_signers=(own,),
        our_decryptors=(own,),
        their_signers=(certificate,),
        their_encryption=(certificate,),
    )
    return replace(usual, **changes)


class Both:
    """Our transport and the simulator that it sends to."""

    def __init__(self, cast: Cast, folder: Path, stack: ExitStack) -> None:
        self._cast, self._folder, self._stack = cast, folder, stack
        self.far: Far

    def simulator(self, **terms: Any) -> None:
        agreement = replace(self._cast.agreement, **terms)
        self.far = self._stack.enter_context(self._cast.started(self._folder / "far", agreement))

    def terms(self, **changes: Any) -> Terms:
        return terms_of(self.far.partner, self.far.certificate, **changes)

    def send(self, payload: bytes = PAYLOAD, **changes: Any) -> Outcome:
        url = f"http://127.0.0.1:{self.far.port}/as2"
        settings = As2Settings(terms=self.terms(**changes), url=url, timeout_s=20)
        with As2Transport(settings, now=lambda: datetime.now(UTC)) as transport:
            return transport.send("278_1.edi", BytesIO(payload), len(payload), reference=REFERENCE)


@pytest.fixture
def both(cast: Cast, tmp_path: Path) -> Iterator[Both]:
    with ExitStack() as stack:
        yield Both(cast, tmp_path, stack)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sign": "sha384"},
        {"sign": "sha512", "pss": True},
        {"encrypt": "aes128-cbc"},
        {"compress": "before"},
        {"compress": "after"},
        {"transfer_encoding": "base64"},
        {"sign": "", "compress": "before"},
        {"encrypt": ""},
        {"sign": "", "encrypt": ""},
        {"mdn_signed": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("ending", [b"", b"\n", b"\r", b"\r\n"])
def test_the_simulator_takes_what_we_send_byte_for_byte(both: Both, changes: dict[str, Any], ending: bytes) -> None:
    both.simulator(require_signature=False, require_encryption=False)
    outcome = both.send(b"ISA*00*" + ending, **changes)
    assert (outcome.state, outcome.reason) == (Sent.DELIVERED, "")
    assert outcome.receipt is not None
    assert outcome.receipt.state is Proof.RECEIVED
    assert both.far.inbound() == [b"ISA*00*" + ending]


def test_what_the_simulator_must_not_take_is_refused_in_words(both: Both) -> None:
    both.simulator()
    outcome = both.send(sign="")
    assert outcome.state is Sent.REFUSED
    assert outcome.receipt is not None
    assert outcome.receipt.disposition == "processed/error: insufficient-message-security"
    with pytest.raises(PartnerRefused, match="403"):
        both.send(them="SOMEBODY")
    assert both.far.inbound() == []


@pytest.mark.parametrize("fault", ["slow", "late_mdn"])
def test_a_slow_partner_is_waited_for(both: Both, fault: str) -> None:
    both.simulator(faults=Faults(incoming=(fault,)))
    assert both.send().state is Sent.DELIVERED
    assert both.far.inbound() == [PAYLOAD]


def test_a_busy_partner_is_asked_later(both: Both) -> None:
    both.simulator(faults=Faults(incoming=("busy",)), retry_after_s=7)
    with pytest.raises(PartnerUnreachable) as error:
        both.send()
    assert error.value.wait_s == 7
    assert both.send().state is Sent.DELIVERED
    assert both.far.inbound() == [PAYLOAD]


@pytest.mark.parametrize(
    ("fault", "proof", "taken"),
    [
        ("cut_request", None, 0),
        ("cut_response", None, 1),
        ("no_mdn", None, 1),
        ("wrong_mic", Proof.MISMATCH, 1),
        ("wrong_signer", Proof.FORGED, 1),
        ("unsigned_mdn", Proof.FORGED, 1),
        ("negative_mdn", Proof.REFUSED, 0),
    ],
)
def test_after_a_fault_the_same_message_goes_again_and_is_taken_once(
    both: Both, fault: str, proof: Proof | None, taken: int
) -> None:
    both.simulator(faults=Faults(incoming=(fault,)))
    first = both.send()
    assert first.state is Sent.UNKNOWN
    assert (first.receipt.state if first.receipt else None) is proof
    assert len(both.far.inbound()) == taken
    second = both.send()
    assert (second.state, second.reason) == (Sent.DELIVERED, "")
    assert both.far.inbound() == [PAYLOAD]
    assert [each["fault"] for each in both.far.deeds() if each["did"] == "as2_fault"] == [fault]


def test_an_asynchronous_receipt_is_one_that_we_believe(both: Both) -> None:
    both.simulator()
    receiver = Receiver()
    receiver.replies = [lambda: (200, {}, b"")]
    try:
        assert both.send(mdn="async", mdn_url=receiver.url).state is Sent.AWAITED
        assert both.far.office.sender is not None
        assert both.far.office.sender.send_due() == 1
    finally:
        receiver.close()
    (came,) = receiver.came
    with Spool() as spool:
        spool.write(came.body)
        read = read_mdn(list(came.headers.items()), spool, terms=both.terms(), at=datetime.now(UTC))
    assert read.disposition.short == "processed"
    assert read.answers(f"<{REFERENCE}@therapy-gateway>")
