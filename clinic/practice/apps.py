from django.apps import AppConfig


class PracticeConfig(AppConfig):
    """The place and its people."""

    name = "clinic.practice"
    label = "practice"
