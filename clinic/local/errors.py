"""What can go wrong before the product itself runs, each as one line for a person."""

import errno


class LocalError(Exception):
    """A local service cannot start; the message is one line that says what to do."""


def from_os_error(*, error: OSError, doing: str) -> LocalError:
    """The one clear line for a failed system call."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LocalError(f"the disk is full ({error.filename or doing}): free some space and run again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return LocalError(f"not allowed to write {error.filename or doing}: {error.strerror}")
    return LocalError(f"{doing}: {error}")


def from_log(*, service: str, log: str) -> LocalError:
    """The one clear line for a service that died: its own last words, or the full disk behind them."""
    if "No space left on device" in log or "Disk quota exceeded" in log:
        return LocalError(f"the disk is full ({service} could not write): free some space and run again")
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "error" in line.lower()]
    last = (fatal or lines or ["it wrote nothing"])[-1]
    return LocalError(f"{service} did not start: {last}")
