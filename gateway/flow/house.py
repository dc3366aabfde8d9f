"""What every step of a journey is handed: settings, store, clock and chance. Never a global."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from gateway.errors import GatewayError
from gateway.flow.gates import Gates
from gateway.settings import Partner, Settings
from gateway.store import Scope, Store
from gateway.store import Transaction as Transaction


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class House:
    """One running gateway. ``clock`` gives UTC instants; business dates are those of ``zone`` days, here UTC's.

    ``restarting`` are the partners that said, since this process began, that a message which was cut off may go on.
    ``rechecked_on`` is the day for which all that is held was last queued to be looked at again.
    """

    settings: Settings
    store: Store
    clock: Callable[[], datetime] = utc_now
    rng: random.Random = field(default_factory=random.Random)
    actor: str = "gateway"
    restarting: set[str] = field(default_factory=set)
    gates: Gates = field(default_factory=Gates)
    rechecked_on: date | None = None

    @property
    def today(self) -> date:
        return self.clock().date()

    def partner(self, name: str) -> Partner:
        """Raises GatewayError where its file was taken away while it still had work."""
        found = self.settings.partners.get(name)
        if found is None:
            fix = "Put its file back (enabled = false stops all traffic), then the job: gateway jobs --retry JOB"
            raise GatewayError(f"there is no partner {name} any more", where="trading_partners", fix=fix)
        return found

    def reading(self) -> AbstractContextManager[Transaction]:
        """One state of everything, to look at: keeps nobody waiting."""
        return self.store.transaction(self.everything(), read_only=True)

    def everything(self) -> Scope:
        """The scope of the gateway's own work, which spans clinics; a person's is narrower."""
        return Scope.system(self.actor)
