"""Makes .venv and installs the pinned packages: a plain script, run by any Python >= 3.11.

`python -IS bootstrap.py CHECKOUT`. Installs again only when the lock file or the folder changed; may be
interrupted at any moment, and two may run at once.
"""

import errno
import fcntl
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK_FILE = "requirements-dev.txt"
NEEDED_MEGABYTES = 1_500
NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeoutError|Temporary failure in name resolution|Name or service not known"
    r"|Network is unreachable|Connection refused|ProxyError|Max retries exceeded|nodename nor servname"
)
DISK_FULL = re.compile(r"No space left on device|Errno 28|Disk quota exceeded")


class Stopped(Exception):
    """The one line that says why."""


def main() -> int:
    try:
        install(root=Path(sys.argv[1]))
    except Stopped as why:
        print(f"dev: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"dev: {in_one_line(error)}", file=sys.stderr)
        return 1
    return 0


def install(*, root: Path) -> None:
    """Bring .venv in step with the lock file."""
    venv = root / ".venv"
    stamp = venv / "installed"
    wanted = fingerprint(root=root)
    if read(stamp) == wanted:
        return
    with alone(root / ".venv.lock"):
        # Another one may have finished while this one waited.
        if read(stamp) == wanted:
            return
        stamp.unlink(missing_ok=True)
        require_space(root)
        if not works(venv):
            say("making .venv")
            make(venv)
        say(f"installing the packages of {LOCK_FILE} (once, a few minutes)")
        fill(venv=venv, lock=root / LOCK_FILE)
        stamp.write_text(wanted)


def fingerprint(*, root: Path) -> str:
    """What an installation depends on; the folder too, because scripts in a .venv hold its absolute path."""
    lock = hashlib.sha256((root / LOCK_FILE).read_bytes()).hexdigest()
    return f"{lock} {root}\n"


def works(venv: Path) -> bool:
    """Whether the folder holds a Python of its own, new enough, made at this place, with pip."""
    test = "import sys, pip; print(sys.prefix); sys.exit(sys.version_info < (3, 11))"
    with suppress(OSError):
        done = subprocess.run(
            [venv / "bin/python", "-I", "-c", test], capture_output=True, text=True, check=False
        )
        return done.returncode == 0 and Path(done.stdout.strip()) == venv
    return False


def make(venv: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "venv", "--clear", str(venv)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        output = done.stdout + done.stderr
        if DISK_FULL.search(output):
            raise Stopped(disk_full(venv))
        if "ensurepip" in output or "No module named venv" in output:
            raise Stopped(
                f"{sys.executable} cannot make virtual environments: install its venv package (python3-venv)"
            )
        raise Stopped(f"making .venv failed: {last_line(output)}")


def fill(*, venv: Path, lock: Path) -> None:
    # No cache: nothing is written outside the checkout.
    options = ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet", "--retries", "2"]
    done = subprocess.run(
        [venv / "bin/python", "-I", "-m", "pip", "install", *options, "--require-hashes", "-r", str(lock)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    output = done.stdout + done.stderr
    if DISK_FULL.search(output):
        raise Stopped(disk_full(venv))
    if NO_NETWORK.search(output):
        raise Stopped("no network: the packages could not be downloaded from the package index")
    if "DO NOT MATCH THE HASHES" in output:
        raise Stopped(
            f"a downloaded package does not have the hash that {lock.name} pins; nothing of it was installed"
        )
    raise Stopped(f"installing the packages failed: {last_line(output)}")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One installer at a time; the kernel lets go of the lock when its holder dies."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another ./dev is installing; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require_space(folder: Path) -> None:
    free = os.statvfs(folder)
    megabytes = free.f_bavail * free.f_frsize // 1_000_000
    installed = folder / ".venv/lib"
    if megabytes < NEEDED_MEGABYTES and not installed.exists():
        raise Stopped(
            f"the disk is full: {megabytes} MB are free in {folder}, the packages need {NEEDED_MEGABYTES} MB"
        )


def disk_full(folder: Path) -> str:
    return f"the disk is full ({folder}): free some space and run again"


def in_one_line(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{place}: free some space and run again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"not allowed to write in the checkout{place}: run as its owner"
    return f"{error.strerror or error}{place}"


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no reason was given"])[-1]


def read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""


def say(text: str) -> None:
    print(f"dev: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
