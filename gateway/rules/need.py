"""Whether a line of a claim needs an authorization, by the payer's policy, the patient's coverage and what was treated.

Three answers: True, False, and None where that is not known (domain facts, 2.1 and 7.2).
"""

from collections.abc import Iterator
from datetime import timedelta

from gateway.coding.codes import procedure
from gateway.domain.claim import ServiceLine
from gateway.domain.disciplines import discipline
from gateway.errors import Finding
from gateway.rules.case import Certification, ClaimCase, Treated
from gateway.rules.episodes import episode, visits
from gateway.rules.policy import Free

BECAUSE = ("auth_required", "code_set", "exempt_procedures", "pos_scope", "reeval_needs_auth", "free_visits")
"""The policy's values that say whether an authorization is needed."""

RE_EVALUATIONS = frozenset({"97164", "97168", "97002", "97004"})  # Domain facts, 1.1; the last two until 2017.


def needed(case: ClaimCase, line: ServiceLine) -> bool | None:
    """What the policy says; where it does not say, what eligibility told of this patient (271 EB11). A yes of either
    outweighs a no of the other: a needless number harms nobody, a missing one is denied."""
    policy = case.policy
    told = case.coverage.auth_required if case.coverage else None
    wanted = True if told else policy.auth_required if policy.auth_required is not None else told
    if wanted is False or _outside(case, line):
        return False
    if wanted is None:
        return None
    return _beyond_free_visits(case, line)


def certified_lines(case: ClaimCase) -> Iterator[tuple[str, ServiceLine, list[Certification]]]:
    """The lines that stand under an authorization, with what it certifies: those that need one, and those that may
    need one and name one."""
    for where, line in case.lines():
        named = case.named(line)
        if named and needed(case, line) is not False:
            yield where, line, named


def without(
    case: ClaimCase, rule: str, needs: str = "nothing is certified yet that it could be held against"
) -> Iterator[Finding]:
    """Not evaluated, once for a claim, where lines may need an authorization and none is on file for them."""
    places = [where for where, line in case.lines() if not case.named(line) and needed(case, line) is not False]
    if places:
        fix = "Get the authorization, or enter the one that was won by portal, fax or telephone, with its evidence"
        yield case.not_evaluated(rule, needs, where=places[0], fix=fix, evidence=places, because=BECAUSE)


def _outside(case: ClaimCase, line: ServiceLine) -> bool:
    """Whether the line is of a kind that this payer wants no authorization for."""
    policy = case.policy
    return (
        line.procedure in policy.exempt_procedures
        or bool(policy.code_set and line.procedure not in policy.code_set)
        or bool(policy.pos_scope and case.claim.place_of_service not in policy.pos_scope)
        or (line.procedure in RE_EVALUATIONS and policy.reeval_needs_auth is False)
    )


def _beyond_free_visits(case: ClaimCase, line: ServiceLine) -> bool | None:
    """Where the first visits of an episode are free: whether this one comes after them. An evaluation that uses up no
    visit is none of them. Free of review alone is not free: a request must still be sent."""
    policy = case.policy
    if not policy.free_visits or policy.free_means is Free.NO_REVIEW:
        return True
    if case.treated is None or policy.free_means is None:
        return None
    day, word = line.served_on, discipline(line)
    own = [_visit(each) for _, each in case.lines()]
    earlier = episode(visits([*case.treated, *own], word), day, policy.episode_gap_days)
    counted = [each for each in earlier if not (each.evaluation and policy.eval_counts is False)]
    first = earlier[0].served_on if earlier else day
    in_time = policy.free_window_weeks is None or day < first + timedelta(weeks=policy.free_window_weeks)
    if len(counted) < policy.free_visits and in_time:
        return False
    # Without the payer's gap it is not known whether all of these were of this episode.
    return None if policy.episode_gap_days is None and earlier else True


def _visit(line: ServiceLine) -> Treated:
    return Treated(served_on=line.served_on, discipline=discipline(line), evaluation=is_evaluation(line))


def is_evaluation(line: ServiceLine) -> bool:
    """Whether a line is an evaluation or a re-evaluation."""
    known = procedure(line.procedure)
    return known is not None and known.evaluation
