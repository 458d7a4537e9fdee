"""PostgreSQL refuses to run as root: who runs it instead, also in a folder closed to others.

Three ways, in this order:
- an ordinary user runs it as itself;
- root, and a user without a name, enters a user namespace of its own: the server believes it is `nobody`, the
  kernel still lets it reach what that user owns, so that nothing has to be copied or handed over;
- where namespaces are refused (most containers), root becomes `nobody`; programs that `nobody` cannot reach
  are copied out, and the data folder is handed over as an open descriptor (`/proc/self/fd/N`), which no
  closed parent folder can hide.

Also a plain script: `python -IS identity.py HOW PROGRAM [ARGUMENT...]` takes the identity, then becomes the
program.
"""

import ctypes
import os
import pwd
import shutil
import stat
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

NOBODY = 65534
CLONE_NEWUSER = 0x10000000


class How(StrEnum):
    ITSELF = "itself"
    NAMESPACE = "namespace"
    NOBODY = "nobody"

    @property
    def owner(self) -> int:
        """The user that must own the server's data."""
        return {How.ITSELF: os.geteuid(), How.NAMESPACE: os.geteuid(), How.NOBODY: NOBODY}[self]


def choose() -> How:
    """How this machine lets us run a server that refuses root."""
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return How.ITSELF
    probe = subprocess.run(
        prefix(how=How.NAMESPACE) + ["/bin/sh", "-c", ":"], capture_output=True, check=False
    )
    if probe.returncode == 0:
        return How.NAMESPACE
    return How.NOBODY if os.geteuid() == 0 else How.ITSELF


def _has_a_name(user: int) -> bool:
    # PostgreSQL refuses a user id that the system has no name for, which containers often run as.
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def prefix(*, how: How) -> list[str]:
    """What to put before a command to run it as that identity."""
    if how is How.ITSELF:
        return []
    return [sys.executable, "-IS", str(Path(__file__).resolve()), how.value]


def reachable_by_all(*, path: Path) -> bool:
    """Whether any user may enter every folder down to this one and read it."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [path, *path.parents])


def hand_over(*, folder: Path, owner: int) -> None:
    """Give the folder and all in it to the user; nothing is done when it is theirs already."""
    if os.geteuid() != 0 or folder.stat().st_uid == owner:
        return
    for base, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            os.chown(Path(base, name), owner, owner, follow_symlinks=False)
    os.chown(folder, owner, owner)


def copy_out(*, programs: Path, to: Path) -> Path:
    """A copy of the server's programs where `nobody` can read them."""
    shutil.copytree(programs, to)
    for folder in [to, *to.rglob("*")]:
        if not folder.is_symlink():
            folder.chmod(folder.stat().st_mode | 0o444 | (0o111 if folder.is_dir() else 0))
    return to


def take(*, how: How) -> None:
    """Become that identity, for good."""
    if how is How.NOBODY:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if how is How.NAMESPACE:
        libc = ctypes.CDLL(None, use_errno=True)
        user, group = os.geteuid(), os.getegid()
        if libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
        # The kernel lets an unprivileged process map a group only after it gave up setgroups.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


if __name__ == "__main__":
    take(how=How(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
