"""What every provider's text must have before it is looked at."""

import re

# A telephone number, a short code, or a sender's name.
_SENDER = re.compile(r"[+\w .-]{1,40}")
_ID = re.compile(r"[\w.:-]{1,80}")


def plausible(provider_id: str, sender: str) -> bool:
    """Whether a text can be told from others, and somebody sent it."""
    return bool(_ID.fullmatch(provider_id) and _SENDER.fullmatch(sender))
