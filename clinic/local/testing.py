"""PostgreSQL and Redis for one test run, in a private folder that is gone at the end."""

import os

from clinic.local import telnyx_provider
from clinic.local.home import Home
from clinic.local.postgres import Postgres
from clinic.local.redis import RedisServer

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "clinic.config.settings",
    "SECRET_KEY": "tests-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLM",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "ALLOWED_HOSTS": "testserver",
    # The manifest is made by collectstatic, which no test needs.
    "STATIC_MANIFEST": "false",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "tests-only-token",
    "TWILIO_FROM": "+15005550006",
    "TELNYX_API_KEY": "tests-only-key",
    "TELNYX_PUBLIC_KEY": telnyx_provider.public_key("tests-only-key"),
    "TELNYX_FROM": "+15005550006",
    "MESSAGE_PAUSE_SECONDS": "0.0001",
}
# Set when the PostgreSQL of this run is the embedded one, whose tools match its version: where its log is.
EMBEDDED = "CLINIC_TEST_POSTGRES"


def start_missing() -> Home:
    """Start what the environment does not name already, and name it there; the caller closes the result.

    Sets DATABASE_URL and REDIS_URL.
    """
    home = Home()
    try:
        if "DATABASE_URL" not in os.environ:
            log = home.path / "postgres.log"
            postgres = Postgres(home=home, data=home.path / "data", log=log, throwaway=True)
            postgres.start()
            os.environ["DATABASE_URL"] = postgres.url
            os.environ[EMBEDDED] = str(log)
        if "REDIS_URL" not in os.environ:
            redis = RedisServer(home=home, data=None, log=home.path / "redis.log")
            redis.start()
            os.environ["REDIS_URL"] = redis.url()
    except BaseException:
        home.close()
        raise
    return home
