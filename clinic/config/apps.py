from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The composition root: system checks and the wiring of ports."""

    name = "clinic.config"
    label = "config"
