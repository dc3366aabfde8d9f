"""No patient's value stands in the open: not in logs, tasks, events, jobs, names or another column, nor on the disk."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import (
    ADDRESS,
    PATIENT,
    SECRETS,
    Stage,
    claim_json,
    claim_status,
    decision_on,
    on_sqlite,
    on_stage,
    payment,
    request_json,
)

from gateway import logs
from gateway.domain import answer, decision, parties, remittance
from gateway.flow import deliver, folder, worker
from gateway.flow.service import _tick
from gateway.store import Store
from gateway.store.schema import SEALED, metadata
from gateway.translate.maps import Map
from gateway.transport.base import Outcome
from gateway.transport.directory import DirectoryTransport

A1 = decision.Review(code="A1", number="CERT0001")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, at debug level; a field that may not be there fails the test at once."""
    stream = io.StringIO()
    logs.configure("debug", strict=True, stream=stream)
    yield stream
    logs.configure(json=False)


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path, expectations='ta1 = "1h"\n999 = "2h"\n835 = "30d"')


def test_no_value_of_a_patient_stands_in_the_open(
    stage: Stage, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    _intake(stage, monkeypatch)
    _sending(stage, monkeypatch)
    _answers(stage)
    _trouble(stage, monkeypatch)
    stage.clock.advance(200 * 24 * 3600)
    _tick(stage.house)
    stage.work()
    logged = lines.getvalue()
    for event in ("intake.read", "submit.done", "document.sent", "document.read", "job.failed"):
        assert event in logged, f"the journey has not been where it says {event}"
    with stage.reading() as tx:
        kinds = {each.kind for each in tx.tasks.list(open=None)}
    assert kinds >= {"held", "rejected", "unread", "unmatched", "remittance", "decision", "parked", "intake"}
    assert _leaks(logged.splitlines()) == []
    assert _leaks(list(_rows(stage))) == []
    assert _leaks([each.read_bytes().decode("latin-1") for each in _files(stage)]) == []


def _leaks(texts: list[str]) -> list[str]:
    return [text for text in texts if any(secret in text.lower() for secret in SECRETS)]


def _rows(stage: Stage) -> Iterator[str]:
    with stage.reading() as tx:
        for name in metadata.tables:
            for row in tx.connection.exec_driver_sql(f'SELECT * FROM "{name}"'):
                yield f"{name}: " + " ".join(
                    f"{column}={value!r}" for column, value in row._mapping.items() if column != SEALED.get(name)
                )


def _files(stage: Stage) -> list[Path]:
    found = [each for each in (stage.folder / "payloads").rglob("*") if each.is_file()]
    assert found
    return [*found, *stage.folder.glob("gateway.db*")]


def _intake(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good records, a conflict, a bad one, a broken file and a strange one, under names that tell all."""
    records = [request_json(1), claim_json(1), request_json(1, visits=99), request_json(2, visits=-1)]
    (stage.drop / "Quintessa Zimmerwald 1981-07-19.json").write_text(json.dumps(records))
    (stage.drop / "Zimmerwald.csv").write_text("member_id,last_name\nMBR77001234,Zimmerwald\n")
    (stage.drop / "MBR77001234.pdf").write_bytes(b"%PDF")
    (stage.drop / "Zimmerwald locked.json").write_text("[]")
    (stage.drop / "Zimmerwald cut.json").write_text('[{"patient": {"last_name": "Zimmerwald", ')
    read = Path.read_bytes

    def locked(self: Path) -> bytes:
        if "locked" in self.name:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self)

    looks = folder.Folder(stage.house)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", locked)
        looks.look(), looks.look()
    stage.work()
    assert stage.request(1).state == "sent"


def _sending(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that break a map, a check and the wire; an upload that is refused."""
    stage.submit(request_json(3), request_json(4, note="Zimmerwald's knee, M25.561"))
    trouble = stage.request(3).request.trace
    build = Map.build

    def breaks(self: Map, record: Any) -> Any:
        if record.reference == trouble:
            raise ValueError(f"{record.request.patient.last} cannot be written")
        return build(self, record)

    with monkeypatch.context() as patched:
        patched.setattr(Map, "build", breaks)
        stage.work("submit")
    assert stage.request(3).state == "held"
    with monkeypatch.context() as patched:
        patched.setattr(DirectoryTransport, "send", lambda *_: Outcome.refused("it is forbidden"))
        stage.work()
    assert stage.request(4).state == "written"


def _answers(stage: Stage) -> None:
    """Everything that a partner can say of the first request and its claims, with the patient's values all over."""
    request = stage.request(1)
    quoted = answer.SegmentError(
        tag="NM1",
        number=9,
        loop="2010C",
        code="8",
        context="CLM01",
        context_value="ZIMMERWALD",
        elements=(answer.ElementError(element=3, code="6", reference="1035", value="QUINTESSA"),),
    )
    pended = {"review": decision.Review(code="A4"), "message": "ZIMMERWALD MUST SEND M25561 NOTES"}
    stage.arrive(
        stage.says(ta1=[stage.ta1(request.id)]),
        stage.acknowledged(request.id, "E", errors=("5",), segments=(quoted,)),
        stage.decided(1, **pended),
        stage.decided(1, rejections=(decision.Rejection(reason="72", follow_up="C", level="2010C"),)),
        stage.decided(
            1,
            review=A1,
            message="CERTIFIED FOR QUINTESSA ZIMMERWALD",
            codes=(decision.Coded(qualifier="ABK", code="M25561"),),
        ),
        stage.decided(1, review=decision.Review(code="X1")),
    )
    stage.work()
    wrong = [{**claim_json()["lines"][0], "procedure": "97530", "modifiers": ["KX"]}]
    other = {**PATIENT, "member_id": "MBR77001234X", "sex": "female", "address": ADDRESS}
    stage.submit(
        claim_json(5, authorization_ref="ACCT-31337-A1", lines=wrong),
        claim_json(6, authorization_ref="ACCT-31337-A1", served_on="2026-02-02"),
        claim_json(7, authorization_ref="ACCT-31337-A1", patient=other),
        claim_json(8, authorization_ref="ACCT-31337-A1", served_on="2026-03-01"),
    )
    stage.work()
    claim = stage.claim(1)
    assert [stage.claim(number).state for number in (1, 5, 6, 7, 8)] == ["sent", "held", "held", "held", "sent"]
    foreign = replace(decision_on(request, traces=()), reference="ACCT-31337-OTHER")
    plb = remittance.ProviderAdjustment(
        provider="1234567893", period_ends_on=request.request.starts_on or claim.created_at.date(), reason="WO",
        reference="ACCT-31337", amount=100,
    )  # fmt: skip
    stage.arrive(
        stage.acknowledged(claim.id, "E", errors=("5",), segments=(quoted,)),
        stage.received(1),
        stage.received(8, category="A7", action="U"),
        stage.received(8, category="A9", action=""),
        stage.says(claim_status("ZIMMERWALD", "A7", "19", "U")),
        stage.says(foreign),
        stage.paid(payment(claim), payment(claim, control_number="ACCT-31337-OLD"), adjustments=[plb]),
        stage.paid(payment(claim, paid=(1, 1)), check="CHK0002", amount=7),
        stage.paid(payment(claim), check="CHK0001", amount=1),
    )
    assert stage.claim(1).state == "paid"


def _trouble(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read, under names and with content of the patient's."""
    (stage.inbox / "ZIMMERWALD_QUINTESSA.835").write_bytes(b"ZIMMERWALD*QUINTESSA*19810719~")
    (stage.inbox / "MBR77001234").symlink_to(stage.inbox / "M25561")
    cut = stage.decided(1, review=A1)
    (stage.inbox / "cut.edi").write_bytes(cut[: cut.index(b"DMG*")])
    odd = cut.replace(b"~UM*", b"~UM*ZIMMERWALD*MBR77001234*").replace(b"*D8*19810719", b"*D8*ZIMMERWALD")
    (stage.inbox / "odd.edi").write_bytes(odd)
    (stage.inbox / "names.edi").write_bytes(cut.replace(b"ST*278*0001", b"ST*ZIMMERWALD*QUINTESSA"))
    stage.poll()
    stage.work()
    react = worker.JOBS["receive"]

    def explodes(house: Any, job: Any) -> None:
        react(house, job)
        raise KeyError("QUINTESSA ZIMMERWALD")

    with monkeypatch.context() as patched:
        patched.setattr(worker, "JOBS", {**worker.JOBS, "receive": explodes})
        with stage.store.transaction(stage.house.everything()) as tx:
            content = b"ISA*ZIMMERWALD"
            payload = stage.store.payloads.put([content])
            deliver.arrived(tx, "simulated", "ZIMMERWALD.edi", payload, len(content))
        stage.work()


# Numbers that a payer or a clearinghouse gives: kept as they come, for they lead back to the case.
_ISSUED = {("HCR", 2), ("REF", 2), ("TRN", 2), ("TRN", 3), ("CLP", 7)}


@on_sqlite
@pytest.mark.parametrize("kind", ["278", "999", "277CA", "835", "TA1"])
def test_nothing_repeats_what_a_partner_wrote_into_a_wrong_element(stage: Stage, lines: io.StringIO, kind: str) -> None:
    """Each element of an answer in turn holds the patient's name: whatever is said of it, the name is not."""
    claim = stage.billed()
    subscriber = parties.Subscriber(member_id="MBR77001234", person=parties.Person(last="ZIMMERWALD", first="Q"))
    error = answer.SegmentError(
        tag="NM1", number=9, loop="2010C", code="8", elements=(answer.ElementError(element=3, code="6"),)
    )
    plb = remittance.ProviderAdjustment(
        provider="1234567893", period_ends_on=claim.created_at.date(), reason="WO", reference="OLD", amount=100
    )
    stage.submit(request_json(2))
    stage.work()
    whole = {
        "278": lambda: stage.says(decision_on(stage.request(2), review=A1, subscriber=subscriber)),
        "999": lambda: stage.acknowledged(claim.id, "E", errors=("5",), segments=(error,)),
        "277CA": lambda: stage.received(1),
        "835": lambda: stage.paid(payment(claim), adjustments=[plb]),
        "TA1": lambda: stage.says(ta1=[stage.ta1(claim.id)]),
    }[kind]()
    parts = whole.split(b"~")
    for at in range(1, len(parts) - 2):
        elements = parts[at].split(b"*")
        for number in range(1, len(elements)):
            if (elements[0].decode(), number) in _ISSUED:
                continue
            changed = b"*".join([*elements[:number], b"ZIMMERWALD", *elements[number + 1 :]])
            content = b"~".join([*parts[:at], changed, *parts[at + 1 :]])
            stage.arrive(content.replace(b"CHK0001", b"CHK%02d%02d" % (at, number)))  # Each a remittance of its own.
    assert len(stage.documents(direction="in", partner="simulated")) > len(parts)
    assert _leaks(lines.getvalue().splitlines()) == []
    assert _leaks(list(_rows(stage))) == []
