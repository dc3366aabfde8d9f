"""One 835 as it was read: its head, what its claim payments add up to, and the payments one at a time, however many.

The payments wait in a spool, sealed under a key that only this process holds: what they come to is known before the
first of them is posted, and no set is ever held whole. Posts nothing.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Any

from gateway.domain.remittance import Adjustment, ClaimPayment, PaidLine, Remittance
from gateway.flow.cases import code
from gateway.ledger.entry import digest
from gateway.transport.spool import Spool

_dumps = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Keyed:
    """A claim payment, its number in the set from 0, and its name in both books."""

    number: int
    key: str
    payment: ClaimPayment


class Remitted:
    """``head`` is the remittance without its claims; ``paid`` the cents of all CLP04, ``count`` how many CLP there are.

    ``digest`` names the content: two documents with the same key and digest say the same.
    """

    def __init__(self) -> None:
        self.head: Remittance | None = None
        self.paid = self.count = 0
        self._spool = Spool()
        self._content = sha256()

    @classmethod
    def of(cls, remittance: Remittance) -> "Remitted":
        """A remittance that was read whole."""
        made = cls()
        for payment in remittance.claims:
            made.take(payment)
        made.end(replace(remittance, claims=()))
        return made

    def take(self, payment: ClaimPayment) -> None:
        """The next claim payment."""
        text = _dumps(_packed(payment)).encode()
        self._content.update(text)
        self._spool.write(text + b"\n")
        self.paid += payment.paid
        self.count += 1

    def end(self, head: Remittance) -> None:
        """All claim payments were taken; this is what stands around them."""
        assert not head.claims, "they were taken one by one"
        self.head = head

    @property
    def whole(self) -> Remittance:
        """The head of a set that has come to its end."""
        assert self.head is not None, "the set has come to its end"
        return self.head

    @property
    def key(self) -> str:
        """Payer (TRN03), check or trace number (TRN02), date (BPR16): what makes it the same remittance."""
        head = self.whole
        return f"{head.payer_id}/{head.check_number}/{head.paid_on.isoformat()}"

    @property
    def digest(self) -> str:
        content = self._content.copy()
        content.update(repr(self.whole).encode())
        return content.hexdigest()[:32]

    def payments(self, start: int = 0) -> Iterator[Keyed]:
        """Each claim payment in the set's order, from ``start`` on. Equal ones get names of their own; what is no code
        where one belongs is "?"."""
        counted: dict[bytes, int] = {}
        key = self.key
        with io.BufferedReader(self._spool.window()) as lines:
            for number, line in enumerate(lines):
                name = sha256(line).digest()
                counted[name] = count = counted.get(name, 0) + 1
                if number >= start:
                    yield Keyed(number, digest("pa", key, name.hex(), str(count)), _unpacked(json.loads(line)))

    def batches(self, size: int, start: int = 0) -> Iterator[list[Keyed]]:
        """The same in lists of up to ``size``."""
        payments = self.payments(start)
        while batch := list(islice(payments, size)):
            yield batch

    def batches_early(self, size: int, start: int = 0) -> Iterator[list[Keyed]]:
        """The same, each made in another thread while whoever asks is busy with the one before."""
        batches = self.batches(size, start)
        with ThreadPoolExecutor(1, thread_name_prefix="remitted") as beside:
            ready = beside.submit(next, batches, None)
            while batch := ready.result():
                ready = beside.submit(next, batches, None)
                yield batch

    def close(self) -> None:
        """Nothing can be read any more."""
        self._spool.close()


def _packed(payment: ClaimPayment) -> list[Any]:
    """Every field in its order, as JSON has it."""
    p = payment
    return [
        p.control_number,
        p.status,
        p.charge,
        p.paid,
        p.patient_responsibility,
        p.filing,
        p.payer_claim_number,
        p.place_of_service,
        p.frequency,
        p.patient_last,
        p.patient_first,
        p.member_id,
        p.authorization,
        _day_out(p.received_on),
        _adjustments_out(p.adjustments),
        p.remarks,
        [
            [
                line.procedure,
                line.charge,
                line.paid,
                line.modifiers,
                line.units_paid,
                line.original_procedure,
                line.original_modifiers,
                line.original_units,
                _day_out(line.served_on),
                _day_out(line.served_to),
                line.control_number,
                line.authorization,
                line.allowed,
                _adjustments_out(line.adjustments),
                line.remarks,
            ]
            for line in p.lines
        ],
    ]


def _unpacked(packed: list[Any]) -> ClaimPayment:
    *head, received_on, adjustments, remarks, lines = packed
    fields = dict(zip(_PAYMENT, head, strict=True))
    fields["status"] = _code(fields["status"])
    return ClaimPayment(
        **fields,
        received_on=_day_in(received_on),
        adjustments=_adjustments_in(adjustments),
        remarks=tuple([_remark(each) for each in remarks]),
        lines=tuple([_line(each) for each in lines]),
    )


def _line(packed: list[Any]) -> PaidLine:
    (
        procedure, charge, paid, modifiers, units, was, was_modifiers, was_units, served_on, served_to, number,
        authorization, allowed, adjustments, remarks,
    ) = packed  # fmt: skip
    return PaidLine(
        procedure=_procedure(procedure),
        charge=charge,
        paid=paid,
        modifiers=tuple([_code(each) for each in modifiers]),
        units_paid=_units(units),
        original_procedure=_procedure(was),
        original_modifiers=tuple([_code(each) for each in was_modifiers]),
        original_units=was_units,
        served_on=_day_in(served_on),
        served_to=_day_in(served_to),
        control_number=number,
        authorization=authorization,
        allowed=allowed,
        adjustments=_adjustments_in(adjustments),
        remarks=tuple([_remark(each) for each in remarks]),
    )


_PAYMENT = (
    "control_number", "status", "charge", "paid", "patient_responsibility", "filing", "payer_claim_number",
    "place_of_service", "frequency", "patient_last", "patient_first", "member_id", "authorization",
)  # fmt: skip


def _adjustments_out(adjustments: Iterable[Adjustment]) -> list[tuple[str, str, int, str]]:
    return [(each.group, each.reason, each.amount, each.quantity) for each in adjustments]


def _adjustments_in(packed: Iterable[list[Any]]) -> tuple[Adjustment, ...]:
    return tuple([Adjustment(group=_code(g), reason=_code(r), amount=a, quantity=q) for g, r, a, q in packed])


# What a payer writes where a code belongs may be anything, also a name; what has not the shape of one becomes "?".
_REMARK = re.compile("[A-Z]{1,2}[0-9]{1,4}")
_PROCEDURE = re.compile("|[A-Z]?[0-9]{3,11}[A-Z]?")  # CPT, HCPCS, revenue codes, NDC
_UNITS = re.compile("-?[0-9.]{0,15}")
_code = lru_cache(4096)(code)


@lru_cache(4096)
def _remark(value: str) -> str:
    return value if _REMARK.fullmatch(value) else "?"


@lru_cache(4096)
def _procedure(value: str) -> str:
    return value if _PROCEDURE.fullmatch(value) else "?"


@lru_cache(4096)
def _units(value: str) -> str:
    return value if _UNITS.fullmatch(value) else "?"


def _day_out(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _day_in(ordinal: int | None) -> date | None:
    return None if ordinal is None else date.fromordinal(ordinal)
