"""The gateway as one Twisted service: workers, a poller for each partner, one for the drop folder, a clock."""

from functools import partial
from typing import Any

from twisted.application import service
from twisted.python.threadpool import ThreadPool

from gateway.flow import touching, traffic
from gateway.flow.deliver import Pickup
from gateway.flow.folder import Folder
from gateway.flow.house import House
from gateway.flow.worker import Poller, Worker
from gateway.settings import As2Transport

CLOCK_EVERY_S = 3600.0
DEADLINES_EVERY_S = 900.0


class Gateway(service.MultiService):
    """Starts its threads first; stops its members first, waits for their work in hand, and its threads last."""

    def __init__(self, house: House, reactor: Any) -> None:
        super().__init__()
        self._house = house
        settings = house.settings
        enabled = [each for each in settings.partners.values() if each.enabled]
        partners = [each for each in enabled if not isinstance(each.transport, As2Transport)]  # It has no folder.
        self._pool = pool = ThreadPool(1, 2 * settings.work.threads + len(partners) + 3, name="gateway")
        self._pickups = [Pickup(house, each) for each in partners]
        for number in range(settings.work.threads):
            Worker(house, pool, reactor, name=f"worker-{number}").setServiceParent(self)
        for partner, pickup in zip(partners, self._pickups, strict=True):
            every_s = partner.schedule.poll_every_s
            Poller(
                f"poll:{partner.name}", partial(traffic.poll, house, pickup), every_s, house, pool, reactor
            ).setServiceParent(self)
        if settings.intake.folder is not None:
            settings.intake.folder.mkdir(parents=True, exist_ok=True)
            every_s = settings.intake.every_s
            Poller("intake", Folder(house).look, every_s, house, pool, reactor).setServiceParent(self)
        Poller("clock", lambda: _tick(house), CLOCK_EVERY_S, house, pool, reactor).setServiceParent(self)
        Poller("deadlines", lambda: _watch(house), DEADLINES_EVERY_S, house, pool, reactor).setServiceParent(self)

    def startService(self) -> None:
        self._pool.start()
        super().startService()

    def stopService(self) -> Any:
        return super().stopService().addCallback(self._close)

    def _close(self, result: object) -> object:
        for each in self._pickups:
            each.close()
        self._house.gates.close()
        self._pool.stop()
        return result


def _watch(house: House) -> None:
    """Queues a look at the clocks of authorizations, unless one is queued already."""
    with house.store.transaction(house.everything()) as tx:
        tx.jobs.enqueue("deadlines", payload={}, lane="deadlines", key="deadlines")


def _tick(house: House) -> None:
    """Queues the end of what has ended, unless it is queued already, and tells of jobs that were parked unseen.

    A job that kills its worker at every attempt is parked by the store, with nobody left to say so.
    """
    with house.store.transaction(house.everything()) as tx:
        tx.jobs.enqueue("expire", payload={}, lane="clock", key=f"expire:{house.today}")
        if house.rechecked_on != house.today:  # At a start, under policies that may be others, and every day.
            touching.everything(tx, f"day:{house.today}")
            house.rechecked_on = house.today
        for each in tx.jobs.list(state="parked"):
            fix = "Look into the log of the time, mend the cause, then: gateway jobs --retry JOB"
            tx.tasks.open(f"parked:{each.id}", kind="parked", subject=each.id, reason=each.reason, fix=fix)
