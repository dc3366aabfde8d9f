"""Rows of a long document say what the maps' records say, at any chunk size, and are typed where a value is unsound."""

from collections.abc import Iterator
from datetime import date

import pytest
from x12_files import Form, interchange

from gateway.domain.claim import Claim
from gateway.domain.remittance import Adjustment, ClaimPayment
from gateway.translate import maps
from gateway.x12.rows import ClaimRow, PaymentRow, Row, rows
from gateway.x12.validate import SetEnd, Unit, check, stream

SIZE = 60_000
FORMS = [Form(seed=3), Form(line_end="", claims_per_set=7, seed=4), Form(element="|", component=">", terminator="$")]


def _document(kind: str, form: Form) -> bytes:
    return "".join(interchange(kind, SIZE, form)).encode()


def _chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def _rows(data: bytes, size: int = 1 << 20) -> list[Row]:
    return [each for each in rows(_chunks(data, size)) if isinstance(each, ClaimRow | PaymentRow)]


def _records(data: bytes, name: str) -> list[Claim] | list[ClaimPayment]:
    units = maps.load(name).units()
    return [units.read(each.loop, each.around) for each in stream([data]) if isinstance(each, Unit)]


def _adjusted(adjustments: tuple[Adjustment, ...]) -> list[tuple[str, str, int | None]]:
    return [(each.group, each.reason, each.amount) for each in adjustments]


@pytest.mark.parametrize("form", FORMS)
def test_a_payments_row_says_what_its_record_says(form: Form) -> None:
    data = _document("835", form)
    records = _records(data, "835")
    assert records
    for row, record in zip(_rows(data), records, strict=True):
        assert isinstance(row, PaymentRow)
        assert isinstance(record, ClaimPayment)
        assert (row.control_number, row.status, row.charge, row.paid) == (
            record.control_number,
            record.status,
            record.charge,
            record.paid,
        )
        assert (row.payer_claim_number, row.member_id) == (record.payer_claim_number, record.member_id)
        assert row.adjustments == _adjusted(record.adjustments)
        for line, paid in zip(row.lines, record.lines, strict=True):
            assert (line.procedure, line.modifiers, line.charge, line.paid) == (
                paid.procedure,
                paid.modifiers,
                paid.charge,
                paid.paid,
            )
            assert (line.served_on, line.control_number) == (paid.served_on, paid.control_number)
            assert line.adjustments == _adjusted(paid.adjustments)


@pytest.mark.parametrize("form", FORMS)
def test_a_claims_row_says_what_its_record_says(form: Form) -> None:
    data = _document("837p", form)
    records = _records(data, "837p")
    assert records
    for row, record in zip(_rows(data), records, strict=True):
        assert isinstance(row, ClaimRow)
        assert isinstance(record, Claim)
        assert (row.control_number, row.charge, row.place_of_service, row.frequency) == (
            record.control_number,
            record.charge,
            record.place_of_service,
            record.frequency,
        )
        assert (row.member_id, row.billing_id) == (record.subscriber.member_id, record.billing.npi)
        assert (row.authorization, row.diagnoses) == (record.authorization, record.diagnoses)
        for line, served in zip(row.lines, record.lines, strict=True):
            assert (line.procedure, line.modifiers, line.charge, line.units) == (
                served.procedure,
                served.modifiers,
                served.charge,
                str(served.units),
            )
            assert (line.served_on, line.control_number) == (served.served_on, served.control_number)


@pytest.mark.parametrize("kind", ["835", "837p", "277ca", "999"])
@pytest.mark.parametrize("size", [7, 1000])
def test_rows_come_beside_the_findings_of_a_check_at_any_chunk_size(kind: str, size: int) -> None:
    data = _document(kind, FORMS[0]).replace(b"HC:", b"ZZ:", 1)
    beside = [each for each in rows(_chunks(data, size)) if not isinstance(each, ClaimRow | PaymentRow)]
    assert beside == list(check([data]))
    assert _rows(data, size) == _rows(data)


def test_what_is_no_amount_and_no_day_is_none_and_short_segments_hold_nothing() -> None:
    data = _document("837p", FORMS[0])
    begin, end = data.index(b"CLM*"), data.index(b"~", data.index(b"CLM*"))
    odd = data[:begin] + b"CLM*SHORT" + data[end:]
    first = _rows(odd)[0]
    assert isinstance(first, ClaimRow)
    assert (first.control_number, first.charge, first.place_of_service) == ("SHORT", None, "")
    served = data.index(b"DTP*472*D8*") + 11
    first = _rows(data[:served] + b"20260231" + data[served + 8 :])[0]
    assert isinstance(first, ClaimRow)
    assert first.lines[0].served_on is None
    assert isinstance(_rows(data)[0].lines[0].served_on, date)


def test_a_document_of_another_kind_has_no_rows() -> None:
    parts = list(rows([_document("277ca", FORMS[0])]))
    assert not _rows(_document("277ca", FORMS[0]))
    assert any(isinstance(each, SetEnd) for each in parts)
