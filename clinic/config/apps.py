from django.apps import AppConfig
from django.core.checks import Tags, register


class ConfigConfig(AppConfig):
    """The composition root: system checks, how the database's instants are read, and the wiring of ports."""

    name = "clinic.config"
    label = "config"

    def ready(self) -> None:
        # Models can be imported only from here on.
        from clinic.config import checks, retention, timestamps, wiring  # noqa: PLC0415

        register(checks.agreements, deploy=True)
        register(retention.check, Tags.database)
        timestamps.install()
        wiring.wire()
