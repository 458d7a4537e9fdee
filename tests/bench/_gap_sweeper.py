"""The product's worker, as in production but for its clock: the days pass as `./dev bench gaps` says.

Started as a program of its own. The file that CLOCK names holds the present instant.
"""

import os
import sys
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from clinic.config.celery import app

CLOCK = "BENCH_CLOCK"


def now() -> datetime:
    return datetime.fromisoformat(Path(os.environ[CLOCK]).read_text())


def main() -> None:
    timezone.now = now
    quiet = ["--loglevel=FATAL", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(
        ["worker", "--concurrency=1", "--queues=default", f"--hostname={sys.argv[1]}@bench", *quiet]
    )


if __name__ == "__main__":
    main()
