"""The drop folder: a clinic's system puts files there, and finds the answer beside each.

A file is taken when it is whole: two looks in a row saw the same size and time, and its name is not a temporary one.
It stays where it is; what was taken is remembered durably, so that it is taken once. Never says a file's name in a
task or a log, because it can be a patient's.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from gateway import logs
from gateway.flow.accept import FORMATS, RESULT_SUFFIX, ResultUndelivered, form_of, publish, take
from gateway.flow.house import House

log = logs.get()
_SOURCE = "intake"
_TEMPORARY = (".part", ".tmp", ".filepart")


@dataclass(slots=True)
class Folder:
    """Looks at the folder whenever it is asked to; remembers the last look, nothing else."""

    house: House
    _last: dict[str, str] = field(default_factory=dict)

    def look(self) -> int:
        """Takes what has become whole since the last look; the number of files taken."""
        root = self.house.settings.intake.folder
        if root is None or not root.is_dir():
            return 0
        now = {path.name: _stat(path) for path in sorted(root.iterdir()) if _is_candidate(path)}
        settled = [name for name, stat in now.items() if stat and self._last.get(name) == stat]
        self._last = now
        return sum(self._take(root / name, now[name]) for name in settled)

    def _take(self, path: Path, stat: str) -> bool:
        """One file's trouble holds no other file up: it is tried again at the next look, and a person is told."""
        house = self.house
        key = house.store.keys.fingerprint("intake", os.fsencode(path.name).hex(), stat)
        task = f"intake:{key}"
        with house.reading() as tx:
            if tx.seen.has(_SOURCE, key):
                return False
            told = any(each.key == task for each in tx.tasks.list(kind="intake"))
        try:
            taken = self._take_whole(path, stat, key)
        except (OSError, ResultUndelivered) as error:
            self._tell(task, stat, error)
            return False
        if told:
            with house.store.transaction(house.everything()) as tx:
                tx.tasks.close(task, "it could be read")
        return taken

    def _take_whole(self, path: Path, stat: str, key: str) -> bool:
        house = self.house
        form = form_of(path)
        if form is None:
            self._refuse(path)
            with house.store.transaction(house.everything()) as tx:
                tx.seen.add(_SOURCE, key, "")
            return False
        data = path.read_bytes()
        if _stat(path) != stat:
            return False  # It has changed since the look, and comes when it lies still again.
        with house.store.transaction(house.everything()) as tx:
            document = take(
                house, name=path.name, data=data, form=form, answer_to=str(self._answer(path)), actor="folder", tx=tx
            )
            tx.seen.add(_SOURCE, key, document)
        log.info("intake.taken", document=document, bytes=len(data))
        return True

    def _tell(self, key: str, stat: str, error: Exception) -> None:
        log.warning("intake.failed", error=type(error).__name__)
        what = error.strerror if isinstance(error, OSError) else str(error)
        with self.house.store.transaction(self.house.everything()) as tx:
            tx.tasks.open(
                key,
                kind="intake",
                subject="intake",
                reason=f"a file of {stat.partition(':')[0]} bytes in the drop folder could not be taken ({what})",
                fix="Give the gateway's user the right to read it; it is tried at each look",
            )

    def _answer(self, path: Path) -> Path:
        return (self.house.settings.intake.results or path.parent) / f"{path.name}{RESULT_SUFFIX}"

    def _refuse(self, path: Path) -> None:
        """A file of no known kind is told so beside it, once, and left alone."""
        known = ", ".join(sorted(FORMATS))
        finding = {
            "rule": "intake.format",
            "what": "this name ends in no format that is read here",
            "fix": f"Name the file with one of {known}",
        }
        publish(self._answer(path), json.dumps({"findings": [finding]}, indent=2).encode())


def _is_candidate(path: Path) -> bool:
    name = path.name
    return path.is_file() and not name.startswith(".") and not name.endswith((*_TEMPORARY, RESULT_SUFFIX))


def _stat(path: Path) -> str:
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}"
