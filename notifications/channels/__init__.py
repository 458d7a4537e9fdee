"""Where messages leave: one file a provider."""

from notifications.channels import email, twilio
from notifications.channels.base import Channel

_CHANNELS: dict[str, Channel] = {"email": email, "sms": twilio}
NAMES = tuple(_CHANNELS)


def of(name: str) -> Channel | None:
    """The channel's provider; None for a channel that nobody serves."""
    return _CHANNELS.get(name)
