"""The reports of facts 6.5, each by its name. They read one state of everything and change nothing."""

from collections.abc import Mapping

from gateway.flow.reports import denials, remaining, turnaround, workload
from gateway.flow.reports.base import Report

_FILES: tuple[tuple[Report, ...], ...] = (
    remaining.REPORTS,
    turnaround.REPORTS,
    denials.REPORTS,
    workload.REPORTS,
)
REPORTS: Mapping[str, Report] = {each.name: each for reports in _FILES for each in reports}
