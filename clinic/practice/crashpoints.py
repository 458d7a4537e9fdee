"""Named places at which a test stops a process, to kill it there or to let it go on late.

Without the setting CRASH_POINTS, which exists for tests alone, `reach` does nothing. With it, it names a
folder: a test that wants a process to stop puts a file `<name>.armed` there; the first process that comes by
takes it away, writes its id to `<name>.reached`, and stays until the test makes `<name>.go`, or kills it.
"""

import os
import time
from pathlib import Path

from django.conf import settings

POLL_SECONDS = 0.005


def reach(name: str) -> None:
    """Say that the process is at this place. Each name stands once in the source, in words with hyphens."""
    if settings.CRASH_POINTS:
        _stop_if_asked(Path(settings.CRASH_POINTS), name)


def _stop_if_asked(folder: Path, name: str) -> None:
    try:
        # Whoever takes the file away is the one.
        (folder / f"{name}.armed").unlink()
    except FileNotFoundError:
        return
    written = folder / f"{name}.writing"
    written.write_text(f"{os.getpid()} {os.getppid()}")
    written.rename(folder / f"{name}.reached")
    while not (folder / f"{name}.go").exists():
        time.sleep(POLL_SECONDS)
