"""Accept: a clinic's file becomes authorizations and claims that are kept, and every record of it gets an answer.

The same record submitted twice is accepted once; the clinic's number with other content is a conflict that changes
nothing. The answer is a document of its own, written beside the file where it came from a folder.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from gateway import logs
from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.claim import Claim
from gateway.domain.coverage import Coverage
from gateway.domain.instruction import Instruction
from gateway.domain.plan_of_care import PlanOfCare
from gateway.domain.visit import Visit
from gateway.errors import Finding, GatewayError, Severity
from gateway.flow import deadlines, instructions, intake, touching, visits
from gateway.flow.cases import AUTHORIZATION_PREFIX, CLAIM_PREFIX, COVERAGE_PREFIX, State
from gateway.flow.house import House, Transaction
from gateway.flow.planning import Checked, check_record
from gateway.flow.submit import enqueue
from gateway.flow.taken import Taken
from gateway.store import Added, Ids, Job

log = logs.get()
FORMATS = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
RESULT_SUFFIX = ".result.json"
_OUTLOOKS = {State.WRITTEN: "goes", State.HELD: "held", State.WAITING: "waits", State.SPLIT: "split"}
TELLERS: Mapping[type, Callable[..., Taken]] = {Visit: visits.take, Instruction: instructions.take}
"""What takes a record in that goes to the ledger at once: (house, tx, record, digest=..., document=...)."""
_CONFLICT_FIXES: Mapping[type, str] = {
    AuthorizationRequest: "Submit the change under a number of its own, as a revision",
    Claim: "Submit the change under a number of its own, as a replacement (frequency 7)",
    Coverage: "Give the later day on which it was checked, or a number of its own",
}


class ResultUndelivered(GatewayError):
    """The place of a result cannot be written at the moment; trying again may help."""

    retryable = True


def take(
    house: House, *, name: str, data: bytes, form: str, answer_to: str = "", actor: str = "", tx: Transaction
) -> str:
    """Stores a clinic's file and queues its reading; the document's id. ``answer_to`` is where its result goes.

    A file's name may be its patient's: it stands in the sealed input and in a sealed payload, and nowhere else.
    """
    payload = house.store.payloads.put([data])
    document = tx.documents.add(
        direction="in", partner="", name="", payload=payload, kind=f"intake.{form}", size=len(data), state="stored"
    )
    content = {"actor": actor, "name": os.fsencode(name).decode(errors="backslashreplace")}
    tx.inputs.add(kind="document", name="intake", holds_on=tx.now.date(), document=document, content=content)
    place = house.store.payloads.put([os.fsencode(answer_to)]) if answer_to else ""
    tx.jobs.enqueue(
        "accept",
        payload={"document": document, "form": form, "answer_to": place},
        lane="accept",
        key=f"accept:{document}",
    )
    return document


def accept(house: House, job: Job) -> None:
    """Takes every good record of a document in; the bad ones are reported in its result."""
    with house.reading() as tx:
        document = tx.documents.get(job.payload["document"])
    data = house.store.payloads.read(document.payload)
    batch = read(house, document.id, data, job.payload["form"])
    with house.store.transaction(house.everything()) as tx:
        result = record(house, tx, batch, document.id)
        answer = json.dumps(result, indent=2).encode()
        if job.payload["answer_to"]:
            payload = house.store.payloads.put([answer])
            tx.jobs.enqueue(
                "answer",
                payload={"payload": payload, "answer_to": job.payload["answer_to"]},
                lane=f"answer:{job.payload['answer_to']}",  # Of a file that was replaced, the last result stays.
                key=f"answer:{document.id}",
            )
        tx.documents.set_about(document.id, **{key: len(result[key]) for key in ("accepted", "rejected", "conflicts")})
        tx.documents.set_state(document.id, "read")
        tx.jobs.finish(job)
    counts = {key: len(result[key]) for key in ("accepted", "repeated", "conflicts", "rejected")}
    log.info("intake.read", document=document.id, **counts)


def read(house: House, document: str, data: bytes, form: str) -> intake.Batch:
    """The records of a document, under ids that come from the document's: read again, they are the same."""
    return intake.read_batch(data, form, house.settings, Ids(document.encode()), house.today)


def record(house: House, tx: Transaction, batch: intake.Batch, document: str) -> dict[str, Any]:
    """Adds the batch's good records and says of each record what became of it."""
    tx.inputs.add(kind="decision", name="accept", holds_on=tx.now.date(), document=document)
    result: dict[str, Any] = {"document": document, "accepted": [], "repeated": [], "conflicts": [], "rejected": []}
    submit: set[tuple[str, str]] = set()
    taken: list[tuple[dict[str, Any], intake.Accepted]] = []
    for each in batch.accepted:
        tx.documents.link(document, each.record.organisation, each.record.clinic)
        if type(each.record) in TELLERS:
            _tell(house, tx, each, document, result)
            continue
        added, sent = _add(house, tx, each, document)
        shown = {"index": each.index, "client_ref": each.record.client_ref, "id": added.id}
        if added.outcome in ("new", "changed"):
            tx.identifiers.add(added.id, "client_ref", each.record.client_ref, document=document)
            tx.events.add(added.id, "case.accepted" if sent else f"record.{added.outcome}", document=document)
            if isinstance(each.record, AuthorizationRequest):
                deadlines.start_own(house, tx, tx.authorizations.get(added.id))
            submit |= {sent} if sent else set()
            result["accepted"].append(shown)
            taken.append((shown, each))
            if isinstance(each.record, AuthorizationRequest | Coverage | PlanOfCare):
                touching.told(tx, each.record.organisation, each.record.clinic, each.record.subscriber, document)
        elif added.outcome == "same":
            result["repeated"].append(shown)
        else:
            conflict = _conflict(_held(tx, added.existing), each, shown)
            if conflict["held"] or conflict["submitted"]:
                tx.events.add(added.existing, "case.conflict", document=document)
                result["conflicts"].append(conflict)
            else:  # Only written otherwise, such as a total that its lines tell, too.
                result["repeated"].append({**shown, "id": added.existing})
    for shown, each in taken:  # When all of them are in: a record of the file may need another of it.
        if isinstance(each.record, AuthorizationRequest | Claim):
            shown.update(outlook(house, tx, each.record))
    for partner_name, submitted in sorted(submit):
        enqueue(tx, partner_name, submitted, document)
    result["rejected"] += [
        {"index": each.index, "client_ref": each.client_ref, "findings": [f.as_json() for f in each.findings]}
        for each in batch.rejected
    ]
    result["rejected"].sort(key=lambda each: each["index"])
    result["findings"] = [each.as_json() for each in batch.findings]
    return result


def outlook(house: House, tx: Transaction, record: AuthorizationRequest | Claim) -> dict[str, Any]:
    """What will become of a record as things stand, with all that the checks say of it. It holds up no acceptance."""
    try:
        state, checked = check_record(house, tx, record)
    except GatewayError:
        raise
    except Exception as error:
        log.exception("intake.check_failed", subject=record.id)
        what = f"it could not be checked ({type(error).__name__})"
        fix = "It is looked at again before it is sent. Report its id to those who keep the gateway, with the log"
        state, checked = State.HELD, Checked(findings=(Finding(rule="submit.failed", what=what, fix=fix),))
    return {
        "outlook": _OUTLOOKS[state],
        "findings": [each.as_json() for each in checked.findings],
        "passed": list(checked.passed),
        "not_evaluated": sum(each.severity is Severity.NOT_EVALUATED for each in checked.findings),
    }


def _tell(house: House, tx: Transaction, each: intake.Accepted, document: str, result: dict[str, Any]) -> None:
    """Lets a record take effect in the ledger, and says what became of it."""
    taken = TELLERS[type(each.record)](house, tx, each.record, digest=each.digest, document=document)
    shown = {"index": each.index, "client_ref": each.record.client_ref, "id": taken.id}
    findings = [one.as_json() for one in taken.findings]
    if taken.outcome == "refused":
        result["rejected"].append({"index": each.index, "client_ref": each.record.client_ref, "findings": findings})
    elif taken.outcome == "conflict":
        tx.events.add(taken.id, "case.conflict", document=document)
        result["conflicts"].append({**shown, "findings": findings})
    else:
        result["accepted" if taken.outcome == "new" else "repeated"].append(shown)
        touching.changed(tx, taken.id, document)


def _add(
    house: House, tx: Transaction, each: intake.Accepted, document: str
) -> tuple[Added, tuple[str, Literal["278", "837"]] | None]:
    """What adding a record came to; and the partner and the set that it goes out in, None where it stays with us."""
    record = each.record
    if isinstance(record, Coverage):
        return tx.coverages.put(record, digest=each.digest, document=document), None
    if isinstance(record, PlanOfCare):
        return tx.plans_of_care.put(record, digest=each.digest, document=document), None
    assert isinstance(record, AuthorizationRequest | Claim), "what goes to the ledger at once has its teller"
    set_type: Literal["278", "837"] = "278" if isinstance(record, AuthorizationRequest) else "837"
    partner = house.settings.partner_for(record.payer.id, set_type)
    assert partner is not None, "intake lets no record through whose payer nobody serves"
    sent = (partner.name, set_type)
    if isinstance(record, AuthorizationRequest):
        return tx.authorizations.add(record, partner=partner.name, digest=each.digest, document=document), sent
    return tx.claims.add(record, partner=partner.name, digest=each.digest, document=document), sent


def _held(tx: Transaction, existing: str) -> intake.Record:
    if existing.startswith(AUTHORIZATION_PREFIX):
        return tx.authorizations.get(existing).request
    if existing.startswith(CLAIM_PREFIX):
        return tx.claims.get(existing).claim
    assert existing.startswith(COVERAGE_PREFIX), "any other content of a plan of care takes the place of what is held"
    return tx.coverages.get(existing).coverage


def _conflict(record: intake.Record, each: intake.Accepted, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Both contents, side by side, for the clinic that sent both: only where they differ."""
    finding = Finding(
        rule="intake.conflict",
        what="this number of yours was taken before, with other content; that one stands, this one was not taken",
        fix=_CONFLICT_FIXES.get(type(record), "Submit the change under a number of its own"),
        where="$.client_ref",
    )
    before, now = intake.shown(record), intake.shown(each.record)
    if "authorization" not in now and before.get("authorization_ref"):
        before.pop("authorization", None)  # We stamped it; the clinic never wrote it.
    for key in ("previous_number", "administrative_reference"):
        if key not in now and before.get("earlier_ref"):
            before.pop(key, None)  # Those of the request that it changes, filled in when it went out.
    differing = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return {
        **shown,
        "id": record.id,
        "findings": [finding.as_json()],
        "held": {key: before.get(key) for key in differing},
        "submitted": {key: now.get(key) for key in differing},
    }


def answer(house: House, job: Job) -> None:
    """Writes a result beside the file that it answers; again and again to the same bytes, so a repeat is harmless."""
    target = Path(os.fsdecode(house.store.payloads.read(job.payload["answer_to"])))
    publish(target, house.store.payloads.read(job.payload["payload"]))
    with house.store.transaction(house.everything()) as tx:
        tx.jobs.finish(job)


def publish(target: Path, content: bytes) -> None:
    """Whoever looks sees a whole result or none. Raises ResultUndelivered, which names no file."""
    partial = target.with_name(f".{target.name}.part")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    except OSError as error:
        raise ResultUndelivered(
            f"a result cannot be written ({error.strerror or type(error).__name__})",
            where="the folder of the results",
            fix="Make room there, or give the gateway's user the right to write; it is tried again",
        ) from error


def form_of(path: Path) -> str | None:
    """The format that a file's name tells; None where it tells none that intake reads."""
    return FORMATS.get(path.suffix.lower())
