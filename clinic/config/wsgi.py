"""The web server's entry."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from clinic.practice import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.config.settings")
application = get_wsgi_application()
# Every address with all behind it, now: otherwise whoever comes first after a start waits for the import.
import_module(settings.ROOT_URLCONF)
garbage.settle()
