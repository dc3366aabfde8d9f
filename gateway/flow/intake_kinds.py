"""Every type of record that a clinic submits: how it is shaped, what must agree in it, and what becomes of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.claim import Claim
from gateway.domain.coverage import Coverage
from gateway.domain.instruction import Instruction
from gateway.domain.plan_of_care import PlanOfCare
from gateway.domain.visit import Visit
from gateway.flow import intake_build, intake_checks, intake_instructions, intake_records, intake_told, intake_visits
from gateway.flow.intake_build import NewId
from gateway.flow.intake_checks import Problem, Raw
from gateway.settings import Settings

Record = AuthorizationRequest | Claim | Coverage | PlanOfCare | Visit | Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``build`` is handed a record of ``model`` without a problem. ``transactions`` is the one that it goes out as, or
    both where it stays with us: then one of them is enough for its payer to be known."""

    model: type[intake_records.Part]
    build: Callable[[Any, Settings, NewId], Record]
    problems: Callable[[Raw, date], Iterator[Problem]]
    transactions: tuple[Literal["278", "837"], ...] = ("278", "837")


KINDS = {
    "authorization": Kind(
        model=intake_records.Authorization,
        build=intake_build.authorization,
        problems=intake_checks.authorization_problems,
        transactions=("278",),
    ),
    "claim": Kind(
        model=intake_records.Claim,
        build=intake_build.claim,
        problems=intake_checks.claim_problems,
        transactions=("837",),
    ),
    "coverage": Kind(model=intake_told.Coverage, build=intake_told.coverage, problems=intake_told.coverage_problems),
    "plan_of_care": Kind(
        model=intake_told.PlanOfCare, build=intake_told.plan_of_care, problems=intake_told.plan_of_care_problems
    ),
    "visit": Kind(model=intake_visits.Visit, build=intake_visits.visit, problems=intake_visits.visit_problems),
    "certification": Kind(
        model=intake_instructions.Certification,
        build=intake_instructions.certification,
        problems=intake_instructions.certification_problems,
    ),
    "correction": Kind(
        model=intake_instructions.Correction,
        build=intake_instructions.correction,
        problems=intake_instructions.correction_problems,
    ),
    "transfer": Kind(
        model=intake_instructions.Transfer,
        build=intake_instructions.transfer,
        problems=intake_instructions.transfer_problems,
    ),
}
