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
    return PROVIDERS[name][_chosen(name)] if name in PROVIDERS else None


def agreed(name: str) -> bool:
    """R-16: whether what patients are told may be given to the channel's provider. Where we are public only
    to one with whom the practice has an agreement (HIPAA: business associate, 45 CFR 164.504(e)) and says so.
    """
    if not settings.PUBLIC_URL.startswith("https://") or PROVIDERS[name][_chosen(name)].is_near():
        return True
    return _chosen(name) in settings.MESSAGE_BAA_SIGNED


def without_agreement() -> tuple[str, ...]:
    """The providers that are set up and that nothing may be given to."""
    return tuple(
        _chosen(name)
        for name, table in PROVIDERS.items()
        if table[_chosen(name)].configured() and not agreed(name)
    )


def _chosen(name: str) -> str:
    return str({"sms": settings.SMS_PROVIDER, "email": settings.EMAIL_PROVIDER}[name])
