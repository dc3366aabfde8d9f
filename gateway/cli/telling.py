"""``visit`` and ``authorization``: what a person tells without a file. It goes the way of a file all the same."""

import json
import sys
from typing import Any

from gateway.cli.intake import words
from gateway.cli.output import emit
from gateway.errors import GatewayError
from gateway.flow import accept
from gateway.flow.house import House

_ASKED = (
    ("last_name", "Last name"),
    ("first_name", "First name"),
    ("born", "Born (YYYY-MM-DD)"),
    ("member_id", "Member id"),
)


def tell(house: House, record: dict[str, Any], *, as_json: bool) -> int:
    """Takes one record in, as a command of this person; 1 where it was refused."""
    data = json.dumps({key: value for key, value in record.items() if value not in (None, "", [], {})}).encode()
    payload = house.store.payloads.put([data])
    with house.store.transaction(house.everything()) as tx:
        document = tx.documents.add(
            direction="in", partner="", name="", payload=payload, kind="intake.json", size=len(data), state="read"
        )
        tx.inputs.add(
            kind="command", name="intake", holds_on=tx.now.date(), document=document, content={"type": record["type"]}
        )
        result = accept.record(house, tx, accept.read(house, document, data, "json"), document)
    emit(result, words(result), as_json=as_json)
    return 1 if result["rejected"] or result["conflicts"] else 0


def common(house: House, kind: str, client_ref: str, clinic: str) -> dict[str, Any]:
    """What every record has. ``clinic`` is ORGANISATION/CLINIC; where one is configured, it need not be said."""
    known = [f"{each.id}/{one.id}" for each in house.settings.organisations for one in each.clinics]
    if not clinic and len(known) == 1:
        clinic = known[0]
    if clinic not in known:
        raise GatewayError("whose it is must be said", where="--clinic", fix=f"Write one of {', '.join(known)}")
    organisation, _, name = clinic.partition("/")
    return {"type": kind, "organisation": organisation, "clinic": name, "client_ref": client_ref}


def visit(house: House, record: dict[str, Any], lines: list[str]) -> dict[str, Any]:
    """The record with what is known of the appointment already, and its lines (PROCEDURE or PROCEDURE:UNITS)."""
    with house.reading() as tx:
        known = tx.appointments.by_client_ref(record["organisation"], record["clinic"], record["client_ref"])
    if known is not None:
        told = known.visit
        record["served_on"] = record.get("served_on") or told.served_on.isoformat()
        record["discipline"] = record.get("discipline") or told.discipline
        if not record.get("authorization"):
            record["authorization_ref"] = record.get("authorization_ref") or told.authorization_ref
            record["authorization"] = "" if record["authorization_ref"] else told.authorization
    return {**record, "lines": [_line(each) for each in lines]}


def _line(given: str) -> dict[str, Any]:
    procedure, colon, units = given.partition(":")
    if colon and not units.isdecimal():
        raise GatewayError("these units are no whole number", where="--line", fix="Write it such as 97110, or 97110:2")
    return {"procedure": procedure, **({"units": int(units)} if colon else {})}


def evidence(channel: str, seen: str, reference: str) -> dict[str, str]:
    """Where it is from; what was not said is left out."""
    given = {"channel": channel, "seen_on": seen, "reference": reference}
    return {key: value for key, value in given.items() if value}


def patient() -> dict[str, str]:
    """Asks for the patient: what stands on a command line is in the list of processes and in the shell's history."""
    answers = {}
    for key, question in _ASKED:
        print(f"{question}: ", end="", file=sys.stderr, flush=True)
        answers[key] = sys.stdin.readline().strip()
    return {key: value for key, value in answers.items() if value}
