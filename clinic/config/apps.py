from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The composition root: system checks and the wiring of ports."""

    name = "clinic.config"
    label = "config"

    def ready(self) -> None:
        # Models can be imported only from here on.
        from clinic.config import wiring  # noqa: PLC0415

        wiring.wire()
