"""What is picked up of a partner's folders, and when: files that lie still, under plain names, not committed before.

Pure but for the clock that it is handed. Never says a partner's file name.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Literal, Protocol

from gateway.errors import Finding, GatewayError, SettingsInvalid, Severity

NAME_BYTES_MAX = 255  # of UTF-8; what common file systems hold
SETTLE_S = 1.0

# Names under which others upload before they rename: WinSCP, FileZilla, browsers, MOVEit. Never picked up.
TEMPORARY_SUFFIXES = (".part", ".filepart", ".partial", ".tmp", ".crdownload")

After = Literal["remove", "move", "keep"]  # what becomes of a file of theirs that we have committed
Clock = Callable[[], float]  # seconds, monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One entry of a folder: ``size`` in bytes, ``modified_ns`` since the epoch (SFTP tells whole seconds).

    ``place`` names its inbox where that is not the first one.
    """

    name: str
    size: int
    modified_ns: int = 0
    regular: bool = True
    place: str = ""

    @property
    def modified(self) -> datetime:
        return datetime.fromtimestamp(self.modified_ns // 10**9, UTC)

    @property
    def key(self) -> str:
        """What the seen-set knows this file by: a digest of name, size and time, so that no name of theirs is kept.

        And of its place but for the first inbox, whose files stay known when another inbox is added after it.
        """
        text = f"{self.name}\0{self.size}\0{self.modified_ns}" + (f"\0{self.place}" if self.place else "")
        return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def without_name(self) -> str:
        return f"a file of {self.size} bytes, changed {self.modified:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """A folder of theirs that we fetch from: which names, and what becomes of a file that we have committed.

    ``archive`` is where it goes with ``after="move"``. ``place`` is "" for the first inbox of a partner.
    """

    path: str
    pattern: str = "*"
    after: After = "remove"
    archive: str = ""
    place: str = ""


def by_place(first: Inbox, more: Sequence[Inbox], where: str) -> dict[str, Inbox]:
    """All inboxes, by the place of what is listed there. Raises SettingsInvalid where one can't move its files."""
    found = {"": first, **{each.path: replace(each, place=each.path) for each in more}}
    for each in found.values():
        if each.after == "move" and not each.archive:
            raise SettingsInvalid("files are to be moved, and no archive is named", where=where, fix="Name it")
    return found


class Seen(Protocol):
    """The durable set of what was committed, kept by the store per partner."""

    def has(self, key: str) -> bool: ...


@dataclass(slots=True)
class Sightings:
    """What earlier polls saw. A file lies still once two polls, ``settle_s`` apart, saw the same size and time."""

    clock: Clock = time.monotonic
    settle_s: float = SETTLE_S
    _first: dict[Listed, float] = field(default_factory=dict)

    def still(self, entries: Sequence[Listed]) -> list[Listed]:
        """Those of ``entries`` that lie still. What is not among them any more is forgotten."""
        now = self.clock()
        before, self._first = self._first, {each: self._first.get(each, now) for each in entries}
        return [each for each in entries if each in before and now - before[each] >= self.settle_s]


@dataclass(frozen=True, slots=True)
class Sifted:
    """A listing, sorted out: to pick up (oldest first), committed before but still lying, and not to be touched."""

    ready: list[Listed]
    committed: list[Listed]
    findings: list[Finding]


def sift(found: Sequence[tuple[Inbox, Sequence[Listed]]], *, suffix: str, sightings: Sightings, seen: Seen) -> Sifted:
    """Decides what of a partner's folders is picked up. Hidden, temporary and unmatched names are passed over."""
    wanted: list[Listed] = []
    findings: list[Finding] = []
    for inbox, entries in found:
        for each in entries:
            if each.name.endswith((suffix, *TEMPORARY_SUFFIXES)) or not fnmatchcase(each.name, inbox.pattern):
                continue
            fault = name_fault(each.name)
            if not fault and each.name.startswith(".") and not inbox.pattern.startswith("."):
                continue
            fault = fault or ("" if each.regular else "it is a link or a device, not a file")
            if fault:
                findings.append(left_lying(each, fault, fix="Ask the partner to put it there again under a plain name"))
            else:
                wanted.append(each)
    still = sorted(sightings.still(wanted), key=lambda each: (each.modified_ns, each.name))
    committed = [each for each in still if seen.has(each.key)]
    known = set(committed)
    return Sifted([each for each in still if each not in known], committed, findings)


def look_into(
    inboxes: Iterable[Inbox],
    entries: Callable[[Inbox], Sequence[Listed]],
    lost: Callable[[], bool] = lambda: False,
) -> tuple[list[tuple[Inbox, Sequence[Listed]]], list[Finding]]:
    """Lists each inbox. One that can't be used is a finding and holds no other up; the error, where none can be.

    ``lost`` says that it was not the folder but the whole partner, so that no other is tried.
    """
    found: list[tuple[Inbox, Sequence[Listed]]] = []
    findings: list[Finding] = []
    failed: GatewayError | None = None
    for each in inboxes:
        try:
            found.append((each, entries(each)))
        except GatewayError as error:
            if lost():
                raise
            failed = failed or error
            findings.append(
                Finding(rule="pickup", what=error.what, where=str(error.where), fix=error.fix, severity=Severity.WARN)
            )
    if failed is not None and not found:
        raise failed
    return found, findings


def left_lying(listed: Listed, why: str, *, fix: str) -> Finding:
    """A file that was not picked up. Named by its size and time, because a partner's name for it can be a patient's."""
    return Finding(
        rule="pickup",
        what=f"it was left in the inbox: {why}",
        where=listed.without_name,
        fix=fix,
        severity=Severity.WARN,
    )


def second_name(listed: Listed) -> str:
    """A name for the archive where another file has the first one."""
    return f"{listed.name.encode()[: NAME_BYTES_MAX - 20].decode(errors='ignore')}.{listed.key[:12]}"


def name_fault(name: str) -> str:
    """Why this may not be the name of a file in a mailbox, in words; "" where it may."""
    if name in ("", ".", ".."):
        return "it is no name"
    if "/" in name or "\\" in name:
        return "it leads to another folder"
    if any(ord(each) < 32 or ord(each) == 127 for each in name):
        return "it has a control character"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return "" if length <= NAME_BYTES_MAX else f"it is longer than {NAME_BYTES_MAX} bytes"
