"""Cleans up after a process that may be killed: stops its children, removes its temporary folder.

Run as a plain script (`python -IS janitor.py FOLDER`) in a session of its own. The owner holds the other end
of standard input and writes one line a child, `PID START SIGNAL`; end of file means that the owner is gone.
"""

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 10.0


def start_ticks(*, pid: int) -> str:
    """When the process started, in kernel ticks ("" when it is gone): with its id, a name for ever."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The second field is the program's name in brackets and may itself hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


def send(*, pid: int, started: str, number: int) -> None:
    """Signal the process, unless its id has gone to another since."""
    if started and start_ticks(pid=pid) == started:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def stop_all(*, children: list[tuple[int, str, int]], patience: float = PATIENCE_SECONDS) -> None:
    """Ask every child to stop by its own signal, the last started first; kill those that do not."""
    for pid, started, number in reversed(children):
        send(pid=pid, started=started, number=number)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(start_ticks(pid=p) == s for p, s, _ in children if s):
        time.sleep(0.05)
    for pid, started, _ in children:
        send(pid=pid, started=started, number=9)


def main() -> None:
    folder = Path(sys.argv[1])
    children: list[tuple[int, str, int]] = []
    for line in sys.stdin:
        pid, started, number = line.split()
        children.append((int(pid), started, int(number)))
    stop_all(children=children)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
