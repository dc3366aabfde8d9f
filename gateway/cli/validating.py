"""``validate``: what is wrong with an X12 file, and nothing else of it. It never shows a value, and keeps nothing."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli.documents import Answering, Document, opened
from gateway.cli.output import Bar, hang_up, say
from gateway.errors import Finding, MalformedInterchange, Position
from gateway.x12 import parallel
from gateway.x12.explain import unreadable
from gateway.x12.parallel import Passed

ALIKE_MAX = 20  # Findings of one rule about one element that people are shown; programs get all.
ALONE_MAX = 8 << 20  # Bytes; a smaller file is done before other processes have begun.


@dataclass(slots=True)
class _Summary:
    segments: int = 0
    sets: int = 0
    severities: Counter[str] = field(default_factory=Counter)
    snips: Counter[int] = field(default_factory=Counter)
    alike: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def findings(self) -> int:
        return self.severities.total()

    def take(self, finding: Finding) -> bool:
        """Whether there were not too many like it."""
        self.severities[_severity(finding)] += 1
        self.snips[finding.snip] += 1
        alike = finding.rule, finding.where.reference if isinstance(finding.where, Position) else ""
        self.alike[alike] += 1
        return self.alike[alike] <= ALIKE_MAX

    def left_out(self) -> Iterator[str]:
        for (rule, reference), count in self.alike.items():
            if count > ALIKE_MAX:
                about = f"{reference}: " if reference else ""
                yield f"{about}{count - ALIKE_MAX:,} more of {rule}; --json prints them all"

    def __str__(self) -> str:
        read = f"{_count(self.segments, 'segment')} in {_count(self.sets, 'set')}"
        if not self.findings:
            return f"{read}, no findings"
        kinds = [f"{count:,} {severity}" for severity, count in sorted(self.severities.items())]
        types = [f"{count:,} of SNIP type {snip}" for snip, count in sorted(self.snips.items()) if snip]
        return f"{read}, {_count(self.findings, 'finding')}: {'; '.join([', '.join(kinds), *types])}"


def validate_file(
    file: Path, *, as_json: bool, answering: Answering | None = None, processes: int | None = None
) -> int:
    """1 where the file has findings. Raises GatewayError where there is no such file."""
    answering = answering or Answering()
    summary, out = _Summary(), answering.out
    try:
        with opened(file, answering) as document, Bar("validating", document.size) as bar:
            for part in _parts(document, processes):
                if isinstance(part, Passed):
                    bar.advance(part.bytes)
                    summary.segments += part.segments
                    summary.sets += part.sets
                elif as_json:
                    summary.take(part)
                    bar.print(json.dumps(part.as_json()), out, flush=True)
                elif summary.take(part):
                    bar.print(_words(part), out)
            for text in summary.left_out() if not as_json else ():
                bar.print(text, out)
            out.flush()
    except BrokenPipeError:
        hang_up(out)
    else:
        say(str(summary))
    return 1 if summary.findings else 0


def _parts(document: Document, processes: int | None) -> Iterator[Finding | Passed]:
    """What is wrong, as far as the document can be read; that it cannot be read further comes last."""
    size = document.size or 0
    wanted = processes or (_processors() if size > ALONE_MAX else 1)
    try:
        if document.size is None or wanted == 1:
            yield from parallel.check_chunks(document.chunks())
        else:
            yield from parallel.check(document.name, wanted)
    except MalformedInterchange as error:
        yield unreadable(error)


def _processors() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _words(finding: Finding) -> str:
    """Place, weight, what and how to mend it, in one line."""
    where = f"{finding.where}: " if str(finding.where) else ""
    snip = f", SNIP type {finding.snip}" if finding.snip else ""
    return f"{where}{_severity(finding)}{snip}: {finding.what}. {finding.fix}"


def _severity(finding: Finding) -> str:
    return finding.severity.replace("_", " ")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
