"""Writes of one transaction that go to the server beside it: what is decided next is worked out meanwhile.

They go one after the other, in the order in which they were given, on the transaction's own connection, so nothing else
may use that before all have arrived. Never decides what is written, and never writes after an error.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

Write = Callable[[], None]


class Behind:
    """What one transaction has given to be written. Its thread begins with the first, and ends with ``close``."""

    def __init__(self) -> None:
        self._beside: ThreadPoolExecutor | None = None
        self._under_way: list[Future[None]] = []
        self._failed = False

    def add(self, write: Write) -> None:
        """Write this after all that were given before, unless one of those fails."""
        if self._beside is None:
            self._beside = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._under_way.append(self._beside.submit(self._write, write))

    def arrive(self) -> None:
        """Wait until everything is there. Raises what the first one that failed did."""
        under_way, self._under_way = self._under_way, []
        for each in under_way:
            each.result()

    def close(self) -> None:
        """Wait until nothing is under way any more, whatever became of it: the transaction ends."""
        if self._beside is not None:
            wait(self._under_way)
            self._beside.shutdown()
            self._beside = None

    def _write(self, write: Write) -> None:
        if self._failed:
            return
        try:
            write()
        except BaseException:
            self._failed = True
            raise
