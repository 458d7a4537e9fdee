"""Where messages leave: one file a provider; the settings say which of them serves a channel."""

from django.conf import settings

from notifications.channels import console, email, telnyx, twilio
from notifications.channels.base import Channel

# What each channel can be served by, as SMS_PROVIDER and EMAIL_PROVIDER name it.
PROVIDERS: dict[str, dict[str, Channel]] = {
    "sms": {"twilio": twilio, "telnyx": telnyx, "console": console},
    "email": {"smtp": email, "console": console},
}
NAMES = tuple(PROVIDERS)


def of(name: str) -> Channel | None:
    """The channel's provider; None for a channel that nobody serves."""
    chosen = {"sms": settings.SMS_PROVIDER, "email": settings.EMAIL_PROVIDER}
    return PROVIDERS[name][chosen[name]] if name in PROVIDERS else None
