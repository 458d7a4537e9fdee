"""Real services for every test, also for a plain `pytest path`.

What DATABASE_URL and REDIS_URL do not name is started when this file is imported, not in a hook: pytest
imports the conftest files below this one before any hook runs, and those may import models.
"""

import os
import threading
from collections.abc import Iterator

import django
import pytest
from django.conf import settings as django_settings
from django.db import connections
from pytest_django import Settings
from redis import Redis

from clinic.local import migrated, providers, testing
from clinic.practice import garbage, limits
from tests import emptying

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

_home = testing.start_missing()
os.environ.update(testing.ENVIRONMENT)
if WORKER:
    # One Redis database a worker; database 0 stays with a run without workers.
    _server = os.environ["REDIS_URL"].rpartition("/")[0]
    os.environ["REDIS_URL"] = f"{_server}/{int(WORKER.removeprefix('gw')) + 1}"
_providers = {**os.environ}
sms = providers.SmsProvider(home=_home, folder=_home.path / "sms", log=_home.path / "sms.log", env=_providers)
smtp = providers.SmtpCatcher(
    home=_home, folder=_home.path / "smtp", log=_home.path / "smtp.log", env=_providers
)
telnyx = providers.TelnyxProvider(
    home=_home, folder=_home.path / "telnyx", log=_home.path / "telnyx.log", env=_providers
)
# Their ports are known before their processes run, which start with the first test that asks for them.
os.environ |= {"TWILIO_API_BASE": sms.url, "TELNYX_API_BASE": telnyx.url, "SMTP_URL": smtp.smtp_url}
django.setup()
if os.environ.get(testing.EMBEDDED):
    # A server of ours, where we may do everything.
    emptying.install()
# Slow on purpose in production; the tests sign in thousands of times.
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[object]) -> None:
    # A worker that inherits this reads the settings before it has read this file and set its own addresses.
    del os.environ["DJANGO_SETTINGS_MODULE"]
    if os.environ.get(testing.EMBEDDED):
        # Made while the workers still look for the tests; what fails here fails again, and is told, in them.
        given = {"server_url": os.environ["DATABASE_URL"]}
        threading.Thread(target=migrated.ensure, kwargs=given, daemon=True).start()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first, which are those that ask for more time than a test usually has: the short ones then
    fill what is left, and no worker ends alone with a long one.
    """
    usual = float(config.getini("timeout"))

    def asked(item: pytest.Item) -> float:
        found = item.get_closest_marker("timeout")
        return max(usual, float(found.args[0])) if found else usual

    items.sort(key=asked, reverse=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    garbage.settle()


def pytest_unconfigure(config: pytest.Config) -> None:
    _home.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each worker's database is a copy of one migrated database; `migrate` then finds nothing left to do."""
    if os.environ.get(testing.EMBEDDED):
        name = migrated.ensure(server_url=os.environ["DATABASE_URL"])
        connections["default"].settings_dict["TEST"]["TEMPLATE"] = name


@pytest.fixture(scope="session")
def redis_url() -> str:
    """This worker's own Redis database."""
    return os.environ["REDIS_URL"]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of this worker's Redis database, emptied before and after the test."""
    client = Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture(scope="session")
def _counts(redis_url: str) -> Iterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def no_tries_yet(_counts: Redis) -> None:
    """Tries are counted by the server's clock, which no test moves, and would outlive a test."""
    for key in _counts.scan_iter(f"{limits.PREFIX}*"):
        _counts.delete(key)


@pytest.fixture(scope="session")
def sms_process() -> providers.SmsProvider:
    sms.start()
    return sms


@pytest.fixture(scope="session")
def telnyx_process() -> providers.TelnyxProvider:
    telnyx.start()
    return telnyx


@pytest.fixture
def telnyx_provider(telnyx_process: providers.TelnyxProvider, settings: Settings) -> providers.TelnyxProvider:
    """This worker's own provider that speaks Telnyx, empty; texts go there."""
    settings.SMS_PROVIDER = "telnyx"
    telnyx_process.clear()
    return telnyx_process


@pytest.fixture(scope="session")
def smtp_process() -> providers.SmtpCatcher:
    smtp.start()
    return smtp


@pytest.fixture
def sms_provider(sms_process: providers.SmsProvider) -> providers.SmsProvider:
    """This worker's own SMS provider, empty; the settings point at it already."""
    sms_process.clear()
    return sms_process


@pytest.fixture
def smtp_catcher(smtp_process: providers.SmtpCatcher, settings: Settings) -> providers.SmtpCatcher:
    """This worker's own SMTP server, empty; Django sends to it instead of keeping mail in memory."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    smtp_process.clear()
    return smtp_process
