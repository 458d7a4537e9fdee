#!/usr/bin/env python3
"""Django's command line, with this project's settings."""

import gc
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.config.settings")
    # `migrate` makes thousands of classes that stay: to look through them again and again took a third of it.
    gc.set_threshold(10_000, 20, 20)
    execute_from_command_line(sys.argv)
