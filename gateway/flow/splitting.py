"""A claim whose lines are under several authorizations becomes a claim for each (domain facts, 4): nothing is added to
it and nothing lost, its charges least of all.

The parts' ids come from the claim's own, so that splitting it again gives the same parts.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.domain.claim import Claim
from gateway.flow.intake_build import opaque
from gateway.store import Ids


def split(claim: Claim, parts: Sequence[Sequence[int]]) -> tuple[Claim, ...]:
    """The parts of a claim that carries its numbers, each with the lines of these indexes."""
    ids = Ids(f"{claim.id}/parts".encode())
    paid = claim.patient_paid
    made = []
    for indexes in parts:
        id = ids("cl")
        number = opaque("C", id, 18)
        lines = [claim.lines[each] for each in indexes]
        charge = sum(line.charge for line in lines)
        share = min(paid, charge)  # AMT*F5 may not exceed what is charged.
        paid -= share
        made.append(
            replace(
                claim,
                id=id,
                control_number=number,
                charge=charge,
                patient_paid=share,
                authorization=lines[0].authorization or claim.authorization,
                authorization_ref=claim.authorization_ref if not lines[0].authorization else "",
                lines=tuple(
                    replace(line, control_number=f"{number}L{place:02}", authorization="")
                    for place, line in enumerate(lines, start=1)
                ),
            )
        )
    assert sum(each.charge for each in made) == claim.charge, "every line is in one part"
    assert paid == 0, "intake lets no patient pay more than is charged"
    return tuple(made)
