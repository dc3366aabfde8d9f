"""Takes in the 835 that waits, as a worker does: ``python bench/ledger_post.py URL FOLDER``, for ``bench/ledger.py``.

A process of its own with nothing in it but the gateway, so that its peak of memory is the gateway's. Prints one line of
JSON: seconds, the peak in MB, and what it was before.
"""

import json
import sys
from pathlib import Path

from measuring import Told, peak_kib, timed

from gateway.flow import receive
from gateway.flow.house import House
from gateway.settings import Settings
from gateway.store import Keyring, Store


def post(url: str, folder: Path) -> Told:
    keys = Keyring.load(folder / "keys.json")
    store = Store.open(url, payloads=str(folder / "payloads"), keys=keys)
    house = House(settings=Settings.load(folder / "conf" / "gateway.toml"), store=store)
    with store.transaction(house.everything()) as tx:
        (job,) = tx.jobs.take("bench", kinds=("receive",), lease_s=3600)
    before = peak_kib()
    told = timed(lambda: receive.receive(house, job))
    store.dispose()
    return {**told, "peak_mb": peak_kib() / 1024, "before_mb": before / 1024}


if __name__ == "__main__":
    print(json.dumps(post(sys.argv[1], Path(sys.argv[2]))))
