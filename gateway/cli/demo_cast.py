"""Who plays in the demo: made-up patients, one for each scenario, and what must have become of each at the end.

The member id picks the simulated payer's answer; nothing else about a patient does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

ORGANISATION, CLINIC, PAYER = "northside", "downtown", "SIM01"
VISITS = 12
_TOWN = {"city": "Springfield", "state": "IL", "postal_code": "62701"}
_FIRST = ("Avery", "Blake", "Casey", "Devon", "Emery", "Finley", "Gray", "Harper", "Indigo", "Jules", "Kai", "Lane")
_LAST = ("Testwell", "Samplesen", "Mockford", "Fictiva", "Dummond", "Examplar", "Specimen", "Trialton")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One scenario: the member id, the states that authorization and claim must end in, and what must have happened.

    ``claim`` is "" where none is submitted. ``events`` must be among the steps of the authorization or of the claim.
    """

    name: str
    member: str
    authorization: tuple[str, ...]
    claim: str = ""
    events: tuple[str, ...] = ()
    remaining: int | None = None  # visits left at the end
    used: int | None = None  # visits consumed at the end
    awaited: str = ""  # the answer that must be overdue at the end


SCENES = (
    Scene(name="A1", member="A1-PAID-0001", authorization=("certified",), claim="paid", remaining=11, used=1),
    Scene(name="A2 mixed lines", member="A2-PAID-0002", authorization=("certified_partial",), claim="paid"),
    Scene(
        name="A6 fewer visits", member="A6-PAID-0003", authorization=("modified",), claim="paid", remaining=7, used=1
    ),
    Scene(name="A3", member="A3-PAID-0004", authorization=("not_certified",), claim="held"),
    Scene(
        name="A4 then A1",
        member="PEND-PAID-0005",
        authorization=("certified",),
        claim="paid",
        events=("decision.received", "authorization.granted"),
    ),
    Scene(name="AAA reject", member="AAA-PAID-0006", authorization=("rejected",)),
    Scene(name="NA", member="NA-PAID-0007", authorization=("not_required",), claim="paid"),
    Scene(name="999 reject", member="R999-PAID-0008", authorization=("rejected",), events=("case.rejected",)),
    Scene(
        name="277CA reject",
        member="A1-R277-0009",
        authorization=("certified",),
        claim="rejected",
        remaining=12,
        events=("claim.released",),
    ),
    Scene(name="835 paid", member="A1-PAID-0010", authorization=("certified",), claim="paid", remaining=11, used=1),
    Scene(name="835 partly paid", member="A1-PART-0011", authorization=("certified",), claim="partly_paid", used=1),
    Scene(
        name="denied with CARC 197", member="A1-D197-0012", authorization=("certified",), claim="denied", remaining=12
    ),
    Scene(
        name="reversal and correction",
        member="A1-REV-0013",
        authorization=("certified",),
        claim="paid",
        used=1,
        events=("claim.reversed",),
    ),
    Scene(name="PLB", member="A1-PLB-0015", authorization=("certified",), claim="paid", used=1),
    Scene(
        name="late",
        member="LATE-LATE-0016",
        authorization=("certified",),
        claim="paid",
        events=("answer.overdue",),
    ),
    Scene(name="lost", member="LOST-PAID-0017", authorization=("sent", "acknowledged"), awaited="278"),
    Scene(name="claim lost", member="A1-LOST-0018", authorization=("certified",), claim="received", awaited="835"),
    Scene(name="duplicate", member="DUP-DUP-0019", authorization=("certified",), claim="paid", remaining=11, used=1),
    Scene(
        name="two interchanges in one file", member="TWO-TWO-0020", authorization=("certified",), claim="paid", used=1
    ),
    Scene(name="unknown decision code", member="X1-PAID-0021", authorization=("unknown",), claim="held"),
    Scene(name="contact the payer", member="CT-PAID-0022", authorization=("contact_payer",), claim="held"),
    Scene(name="claim denied as not necessary", member="A1-DENY50-0023", authorization=("certified",), claim="denied"),
    Scene(name="claim 999 reject", member="A1-R999-0024", authorization=("certified",), claim="rejected", remaining=12),
)


def authorization(scene: Scene, number: int, today: date) -> dict[str, Any]:
    """The scene's request: twelve visits of two services over ninety days."""
    return {
        "type": "authorization",
        "organisation": ORGANISATION,
        "clinic": CLINIC,
        "client_ref": f"AUTH-{number:04}",
        "payer": PAYER,
        "patient": _patient(scene, number),
        "diagnoses": ["M54.50"],
        "starts_on": today.isoformat(),
        "ends_on": (today + timedelta(days=90)).isoformat(),
        "visits": VISITS,
        "lines": [{"procedure": "97110", "modifiers": ["GP"]}, {"procedure": "97140", "modifiers": ["GP"]}],
        "providers": [{"role": "service", "name": "Northside Therapy Downtown", "npi": "1234567893"}],
    }


def claim(scene: Scene, number: int, today: date) -> dict[str, Any]:
    """The scene's claim for one visit; where the payer certifies the first service alone, it bills that one alone."""
    lines = [
        _line("97110", "120.00", 2, today),
        *([] if scene.member.startswith("A2") else [_line("97140", "60.00", 1, today)]),
    ]
    return {
        "type": "claim",
        "organisation": ORGANISATION,
        "clinic": CLINIC,
        "client_ref": f"CLAIM-{number:04}",
        "payer": PAYER,
        "patient": {
            **_patient(scene, number),
            "sex": "female" if number % 2 else "male",
            "address": {
                "line": f"{number} Sample Street",
                "city": "Springfield",
                "state": "IL",
                "postal_code": "62701",
            },
        },
        "diagnoses": ["M54.50"],
        "authorization_ref": f"AUTH-{number:04}",
        "rendering": {"last_name": "Therapis", "first_name": "Toni", "npi": "1000000004", "taxonomy": "225100000X"},
        "lines": lines,
    }


def _line(procedure: str, charge: str, units: int, today: date) -> dict[str, Any]:
    return {
        "procedure": procedure,
        "modifiers": ["GP"],
        "charge": charge,
        "units": units,
        "served_on": today.isoformat(),
        "minutes": {"therapist": 15 * units},
    }


def _patient(scene: Scene, number: int) -> dict[str, Any]:
    return {
        "last_name": _LAST[number % len(_LAST)],
        "first_name": _FIRST[number % len(_FIRST)],
        "born": date(1950 + number % 50, 1 + number % 12, 1 + number % 28).isoformat(),
        "member_id": scene.member,
    }


def records(today: date) -> Iterator[tuple[Scene, dict[str, Any], dict[str, Any] | None]]:
    """Each scene with its request and, where it has one, its claim."""
    for number, scene in enumerate(SCENES, 1):
        yield scene, authorization(scene, number, today), claim(scene, number, today) if scene.claim else None
