"""The drop folder: a clinic's system puts files there, and finds the answer beside each.

A file is taken when it is whole: two looks in a row saw the same size and time, and its name is not a temporary one.
It stays where it is; what was taken is remembered durably, so that it is taken once.
"""

from dataclasses import dataclass, field
from pathlib import Path

from gateway import logs
from gateway.flow.accept import FORMATS, RESULT_SUFFIX, form_of, take
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
        key = f"{path.name}:{stat}"
        form = form_of(path)
        house = self.house
        with house.reading() as tx:
            if tx.seen.has(_SOURCE, key):
                return False
        if form is None:
            return self._refuse(path, key)
        data = path.read_bytes()
        with house.store.transaction(house.everything()) as tx:
            document = take(
                house, name=path.name, data=data, form=form, answer_to=str(self._answer(path)), actor="folder", tx=tx
            )
            tx.seen.add(_SOURCE, key, document)
        log.info("intake.taken", document=document, bytes=len(data))
        return True

    def _answer(self, path: Path) -> Path:
        return (self.house.settings.intake.results or path.parent) / f"{path.name}{RESULT_SUFFIX}"

    def _refuse(self, path: Path, key: str) -> bool:
        """A file of no known kind is told so beside it, once, and left alone."""
        known = ", ".join(sorted(FORMATS))
        self._answer(path).write_text(
            f'{{"findings": [{{"rule": "intake.format", "what": "this name ends in no format that is read here", '
            f'"fix": "Name the file with one of {known}"}}]}}\n'
        )
        with self.house.store.transaction(self.house.everything()) as tx:
            tx.seen.add(_SOURCE, key, "")
        return False


def _is_candidate(path: Path) -> bool:
    name = path.name
    return path.is_file() and not name.startswith(".") and not name.endswith((*_TEMPORARY, RESULT_SUFFIX))


def _stat(path: Path) -> str:
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}"
