"""The reports of facts 6.5, each by its name. They read one state of everything and change nothing."""

from collections.abc import Mapping

from gateway.flow.reports import (
    beyond,
    denials,
    mismatch,
    payer_count,
    pended,
    plans,
    remaining,
    requested,
    turnaround,
    uncovered,
    unnumbered,
    workload,
)
from gateway.flow.reports.base import Report

_FILES: tuple[tuple[Report, ...], ...] = (
    remaining.REPORTS,
    pended.REPORTS,
    turnaround.REPORTS,
    denials.REPORTS,
    requested.REPORTS,
    payer_count.REPORTS,
    uncovered.REPORTS,
    mismatch.REPORTS,
    beyond.REPORTS,
    plans.REPORTS,
    unnumbered.REPORTS,
    workload.REPORTS,
)
REPORTS: Mapping[str, Report] = {each.name: each for reports in _FILES for each in reports}
