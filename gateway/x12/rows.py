"""Typed records of what a long document holds, a claim or a payment each, at nearly the speed of checking it.

They have what a listing, a search or a sum needs, without a map and without the loops: numbers, cents, days, lines.
What becomes a claim or a remittance of the ledger is read by the maps (``gateway/translate``), from ``stream``.
An amount that is no number is None, like a day that is none; the guide's finding says so.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gateway.errors import Finding
from gateway.x12.balance import cents
from gateway.x12.batch import Batch
from gateway.x12.envelope import open_document
from gateway.x12.headers import InterchangeHeader, SetHeader, TechnicalAcknowledgment
from gateway.x12.table import Step
from gateway.x12.validate import Checking, SetEnd

MEMO_MAX = 4096  # amounts and days that one set remembers


@dataclass(slots=True)
class ClaimLine:
    """A 2400 of an 837P. ``units`` is the text of SV104; ``charge`` cents."""

    procedure: str
    modifiers: tuple[str, ...]
    charge: int | None
    units: str
    served_on: date | None = None
    control_number: str = ""  # REF*6R


@dataclass(slots=True)
class ClaimRow:
    """A 2300 of an 837P, with the member id and the billing provider's id around it. ``segment`` is CLM's number."""

    segment: int
    control_number: str
    charge: int | None
    place_of_service: str
    frequency: str
    member_id: str
    billing_id: str
    authorization: str = ""  # REF*G1
    diagnoses: tuple[str, ...] = ()
    lines: list[ClaimLine] = field(default_factory=list)


@dataclass(slots=True)
class PaymentLine:
    """A 2110 of an 835. ``adjustments`` are group, reason and cents."""

    procedure: str
    modifiers: tuple[str, ...]
    charge: int | None
    paid: int | None
    served_on: date | None = None
    control_number: str = ""  # REF*6R
    adjustments: list[tuple[str, str, int | None]] = field(default_factory=list)


@dataclass(slots=True)
class PaymentRow:
    """A 2100 of an 835. ``segment`` is CLP's number."""

    segment: int
    control_number: str
    status: str
    charge: int | None
    paid: int | None
    payer_claim_number: str
    member_id: str = ""
    adjustments: list[tuple[str, str, int | None]] = field(default_factory=list)
    lines: list[PaymentLine] = field(default_factory=list)


Row = ClaimRow | PaymentRow
Act = Callable[[str, int], None]


def rows(chunks: Iterable[bytes]) -> Iterator[InterchangeHeader | TechnicalAcknowledgment | Row | SetEnd | Finding]:
    """The parts of a document like ``validate.check``, and a row for each claim of an 837P and payment of an 835.

    In constant memory. Raises MalformedInterchange where the document cannot be read further.
    """
    kinds = InterchangeHeader | TechnicalAcknowledgment | ClaimRow | PaymentRow | SetEnd | Finding
    for part in open_document(chunks, _Rowing):
        if isinstance(part, kinds):
            yield part


class _Rowing(Checking):
    def __init__(self, header: SetHeader) -> None:
        super().__init__(header)
        self._acts = _Acts({"837": _Claims, "835": _Payments}.get(header.type, _Rows)())
        self._number = 2

    def _keep(self, batch: Batch, start: int, stop: int) -> None:
        if self._guide is None:
            return
        acts, number = self._acts, self._number
        texts = batch.texts[start:stop] if start or stop < len(batch.texts) else batch.texts
        for text, step in zip(texts, self._trail, strict=True):
            if step is not None and (act := acts[step]) is not None:
                act(text, number)
            number += 1
        self._number = number

    def ready(self) -> Iterable[Any]:
        """The findings and the rows since the last call."""
        done = self._acts.rows.take()
        return (*super().ready(), *done) if done else super().ready()

    def _finish(self, se: Any) -> None:
        super()._finish(se)
        self._acts.rows.close()

    def end(self, se: Any, findings: Any) -> Iterable[Any]:
        """What is left, and the end of the set."""
        *parts, end = super().end(se, findings)
        yield from parts
        yield from self._acts.rows.take()
        yield end


class _Acts(dict[Step, Act | None]):
    """What a step means for the rows, by the step."""

    def __init__(self, rows: "_Rows") -> None:
        super().__init__()
        self.rows = rows

    def __missing__(self, step: Step) -> Act | None:
        node, loop = step.place.node, step.place.loops[-1].id
        act = self.rows.acts().get((loop, node.tag))
        self[step] = act
        return act


class _Cents(dict[str, int | None]):
    def __missing__(self, text: str) -> int | None:
        amount = cents(text)
        if len(self) < MEMO_MAX:
            self[text] = amount
        return amount


class _Days(dict[str, date | None]):
    def __missing__(self, text: str) -> date | None:
        try:
            day = date(int(text[:4]), int(text[4:6]), int(text[6:])) if len(text) == 8 else None
        except ValueError:
            day = None
        if len(self) < MEMO_MAX:
            self[text] = day
        return day


class _Rows:
    """Makes rows of segments, between the standard delimiters; this one of none."""

    def __init__(self) -> None:
        self.cents = _Cents()
        self.days = _Days()
        self._done: list[Row] = []
        self._open: Row | None = None

    def acts(self) -> dict[tuple[str, str], Act]:
        """What is done with a segment, by its loop and tag."""
        return {}

    def take(self) -> list[Row]:
        """The rows that are over, once."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """The row in hand is over."""
        if self._open is not None:
            self._done.append(self._open)
            self._open = None


class _Claims(_Rows):
    def __init__(self) -> None:
        super().__init__()
        self._claim: ClaimRow | None = None
        self._line: ClaimLine | None = None
        self._member = self._billing = ""

    def acts(self) -> dict[tuple[str, str], Act]:
        return {
            ("2010AA", "NM1"): self._take_billing,
            ("2010BA", "NM1"): self._take_member,
            ("2300", "CLM"): self._begin,
            ("2300", "REF"): self._take_authorization,
            ("2300", "HI"): self._take_diagnoses,
            ("2400", "SV1"): self._begin_line,
            ("2400", "DTP"): self._take_day,
            ("2400", "REF"): self._take_number,
        }

    def _take_billing(self, text: str, number: int) -> None:
        self.close()
        self._billing = _at(text.split("*"), 9)

    def _take_member(self, text: str, number: int) -> None:
        self.close()
        self._member = _at(text.split("*"), 9)

    def _begin(self, text: str, number: int) -> None:
        self.close()
        parts = text.split("*", 6)
        place, _, rest = _at(parts, 5).partition(":")
        frequency = rest.partition(":")[2]
        charge = self.cents[_at(parts, 2)]
        self._claim = self._open = ClaimRow(
            number, _at(parts, 1), charge, place, frequency, self._member, self._billing
        )
        self._line = None

    def _take_authorization(self, text: str, number: int) -> None:
        if text[4:7] == "G1*" and self._claim is not None:
            self._claim.authorization = text[7:].partition("*")[0]

    def _take_diagnoses(self, text: str, number: int) -> None:
        if text[3:6] in ("ABK", "BK:") and self._claim is not None:
            self._claim.diagnoses = tuple(each.split(":", 2)[1] for each in text.split("*")[1:] if ":" in each)

    def _begin_line(self, text: str, number: int) -> None:
        parts = text.split("*", 5)
        _, procedure, *modifiers = (*_at(parts, 1).split(":"), "")[:7]
        if self._claim is not None:
            codes = tuple(each for each in modifiers[:4] if each)
            self._line = ClaimLine(procedure, codes, self.cents[_at(parts, 2)], _at(parts, 4))
            self._claim.lines.append(self._line)

    def _take_day(self, text: str, number: int) -> None:
        if text[4:7] == "472" and self._line is not None:
            self._line.served_on = self.days[text.rpartition("*")[2][:8]]

    def _take_number(self, text: str, number: int) -> None:
        if text[4:7] == "6R*" and self._line is not None:
            self._line.control_number = text[7:].partition("*")[0]


class _Payments(_Rows):
    def __init__(self) -> None:
        super().__init__()
        self._payment: PaymentRow | None = None
        self._line: PaymentLine | None = None

    def acts(self) -> dict[tuple[str, str], Act]:
        return {
            ("2100", "CLP"): self._begin,
            ("2100", "NM1"): self._take_member,
            ("2100", "CAS"): self._take_adjustments,
            ("2110", "SVC"): self._begin_line,
            ("2110", "CAS"): self._take_adjustments,
            ("2110", "DTM"): self._take_day,
            ("2110", "REF"): self._take_number,
            ("ST_LOOP", "PLB"): self._end,
        }

    def _begin(self, text: str, number: int) -> None:
        self.close()
        parts = text.split("*", 8)
        known = self.cents
        charge, paid = known[_at(parts, 3)], known[_at(parts, 4)]
        self._payment = self._open = PaymentRow(number, _at(parts, 1), _at(parts, 2), charge, paid, _at(parts, 7))
        self._line = None

    def _end(self, text: str, number: int) -> None:
        self.close()

    def _take_member(self, text: str, number: int) -> None:
        if text[4:7] == "QC*" and self._payment is not None:
            self._payment.member_id = _at(text.split("*", 10), 9)

    def _take_adjustments(self, text: str, number: int) -> None:
        holder = self._line or self._payment
        if holder is None:
            return
        parts, known = text.split("*"), self.cents
        for reason, amount in zip(parts[2::3], parts[3::3], strict=False):
            holder.adjustments.append((parts[1], reason, known[amount]))

    def _begin_line(self, text: str, number: int) -> None:
        if self._payment is None:
            return
        parts = text.split("*", 4)
        codes = _at(parts, 1).split(":")
        known = self.cents
        self._line = PaymentLine(_at(codes, 1), tuple(codes[2:6]), known[_at(parts, 2)], known[_at(parts, 3)])
        self._payment.lines.append(self._line)

    def _take_day(self, text: str, number: int) -> None:
        if text[4:7] in ("472", "150") and self._line is not None:
            self._line.served_on = self.days[text[8:16]]

    def _take_number(self, text: str, number: int) -> None:
        if text[4:7] == "6R*" and self._line is not None:
            self._line.control_number = text[7:].partition("*")[0]


def _at(parts: list[str], index: int) -> str:
    return parts[index] if index < len(parts) else ""
