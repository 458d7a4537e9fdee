"""`./dev manage ...`: manage.py on the demo's data, with its running services or ones of its own."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

from clinic.local.errors import LocalError
from clinic.local.home import ROOT
from clinic.local.workshop import MARK, Workshop, data_folder


def main() -> int:
    workshop = Workshop(data_folder())
    command = [sys.executable, str(ROOT / "manage.py"), *sys.argv[1:]]
    running = workshop.running()
    if running is not None:
        # Without the mark, or the next start of the demo would take this command for a leftover.
        os.environ.update(running)
        os.environ.pop(MARK, None)
        os.execv(command[0], command)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    try:
        with workshop.held(), workshop.home() as home:
            stores, _ = workshop.start_stores(home=home)
            environment = workshop.environment(home=home, public_url="http://127.0.0.1:8000") | stores
            with subprocess.Popen(command, env=environment) as process:
                return _wait(process)
    except LocalError as why:
        print(f"manage: {why}", file=sys.stderr)
        return 1


def _wait(process: "subprocess.Popen[bytes]") -> int:
    while True:
        # A Ctrl-C is the command's to answer; what it needs stays until it has ended.
        with suppress(KeyboardInterrupt):
            return process.wait()


if __name__ == "__main__":
    sys.exit(main())
