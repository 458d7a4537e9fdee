"""`./dev bench idempotency`: a thousand keys, each sent by five at once, while the web process's workers are
killed.

Prints how many effects there are a key: 1.000 is the only right figure.
"""

import argparse
import os
import platform

import django

django.setup()

from django.db import connections  # noqa: E402  after django.setup, like everything that touches models

from tests import factories  # noqa: E402
from tests.bench import _server  # noqa: E402
from tests.races import firing, race, repeated  # noqa: E402
from tests.races.test_booking_http import MONDAY  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--senders", type=int, default=5)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    clinic = factories.small_clinic()
    client_id = firing.program(clinic.practice)
    requests = repeated.asked(factories.patient(clinic.site, consents=False), MONDAY, options.keys)
    with _server.web() as port:
        bearer = _server.token(port, client_id, firing.SECRET)
        told = repeated.send_all(
            port=port,
            bearer=bearer,
            requests=requests,
            senders=options.senders,
            kills=options.kills,
            seed=options.seed,
        )
    effects = repeated.effects()
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; seed {options.seed}")
    print(f"{options.keys} keys by {options.senders} senders, {told.kills} workers killed by SIGKILL,")
    print(f"{told.lost_connections} answers lost; answers by status: {dict(sorted(told.statuses.items()))}")
    print(f"keys that gave two answers: {sum(len(ids) != 1 for ids in told.ids.values())}")
    print(f"keys that are stuck: {len(set(told.gave_up))}; overlaps: {race.overlaps()}")
    print(f"keys without an effect: {effects['keys without an effect']}")
    made = effects["visits"] + effects["new patients"]
    print(f"ratio: {made / options.keys:.3f} effects a key (goal = 1.000)")
    connections.close_all()


if __name__ == "__main__":
    main()
