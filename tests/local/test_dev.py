"""./dev and its installer, as someone who has just cloned the repository meets them."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clinic.local import bootstrap, check, pins
from clinic.local.home import ROOT
from clinic.local.postgres import RUNTIME_USER

DEV = ROOT / "dev"


def run(*command: object, cwd: Path = ROOT, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_help_names_every_verb():
    status, said = run(DEV, "help")
    assert status == 0
    assert [line.split()[1] for line in said.splitlines()] == [
        "demo",
        "test",
        "check",
        "bench",
        "screenshots",
        "manage",
        "help",
    ]


def test_an_unknown_verb_is_one_clear_line():
    status, said = run(DEV, "nonsense")
    assert status == 1
    assert said.splitlines()[-1] == "dev: there is no verb nonsense"


def test_a_python_too_old_is_one_clear_line(tmp_path: Path):
    shutil.copy(DEV, tmp_path / "dev")
    old = tmp_path / "bin/python3"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 3.9 False\n")
    old.chmod(0o755)
    for name in ("sh", "dirname", "cat"):
        (old.parent / name).symlink_to(shutil.which(name) or name)
    status, said = run(tmp_path / "dev", "test", cwd=tmp_path, PATH=str(old.parent))
    assert (status, said) == (1, "dev: Python 3.11 or newer is needed; python3 is 3.9\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    pinned = "six==1.17.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"
    (tmp_path / bootstrap.LOCK_FILE).write_text(pinned)
    return tmp_path


def test_no_network_is_one_clear_line(checkout: Path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{nobody.getsockname()[1]}/simple"
        status, said = run(
            sys.executable, "-IS", bootstrap.__file__, checkout, cwd=checkout, PIP_INDEX_URL=index
        )
    assert status == 1
    assert (
        said.splitlines()[-1]
        == "dev: no network: the packages could not be downloaded from the package index"
    )
    assert bootstrap.read(checkout / ".venv/installed") == ""


def test_a_full_disk_is_one_clear_line(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bootstrap, "NEEDED_MEGABYTES", 10**12)
    with pytest.raises(bootstrap.Stopped, match="^the disk is full: "):
        bootstrap.install(root=checkout)


def test_nothing_is_installed_twice(checkout: Path):
    (checkout / ".venv").mkdir()
    (checkout / ".venv/installed").write_text(bootstrap.fingerprint(root=checkout))
    # Would fail otherwise: the pinned hash is wrong.
    bootstrap.install(root=checkout)
    (checkout / bootstrap.LOCK_FILE).write_text("six==1.16.0\n")
    assert bootstrap.read(checkout / ".venv/installed") != bootstrap.fingerprint(root=checkout)


def test_a_busy_port_is_one_clear_line(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = run(
            sys.executable, "-m", "clinic.local.demo", PORT=str(port), DATA_DIR=str(tmp_path / "data")
        )
    assert status == 1
    assert said == f"demo: port {port} is busy: stop what uses it, or run PORT={port + 1} ./dev demo\n"


@pytest.mark.parametrize("port", ["http", "70000", "-1"])
def test_a_port_that_is_none_is_one_clear_line(tmp_path: Path, port: str):
    status, said = run(sys.executable, "-m", "clinic.local.demo", PORT=port, DATA_DIR=str(tmp_path / "data"))
    assert (status, said) == (1, f"demo: PORT must be a number up to 65535, not '{port}'\n")


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").touch()
    status, said = run(
        sys.executable, "-m", "clinic.local.demo", DATA_DIR=str(tmp_path / "file/data"), PORT="0"
    )
    assert status == 1
    assert len(said.splitlines()) == 1


def test_the_pins_are_in_step_and_a_stray_one_is_seen(tmp_path: Path):
    assert pins.problems(root=ROOT) == []
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    project = (tmp_path / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(
        project.replace('    "django-csp', '    "left-out~=1.0", "django-csp')
    )
    small = (tmp_path / "requirements.txt").read_text()
    (tmp_path / "requirements.txt").write_text(small.replace("phonenumbers==", "phonenumbers==1"))
    found = "\n".join(pins.problems(root=tmp_path))
    assert "requirements.txt does not pin left-out~=1.0" in found
    assert "requirements-dev.txt does not pin phonenumbers==1" in found


def test_the_containers_need_every_secret_from_outside():
    compose = [check.compose_program(), "--file", ROOT / "docker-compose.yml", "config"]
    status, said = run(*compose, **check.ENVIRONMENT)
    assert status == 0, said
    services = said[said.index("services:") :]
    for name in ("db", "redis", "migrate", "web", "worker", "beat"):
        assert f"\n  {name}:" in services
    for secret in (
        "SECRET_KEY",
        "POSTGRES_PASSWORD",
        "RUNTIME_PASSWORD",
        "REDIS_PASSWORD",
        "TWILIO_AUTH_TOKEN",
    ):
        without = {name: value for name, value in check.ENVIRONMENT.items() if name != secret}
        status, said = run(*compose, **without)
        assert status != 0 and secret in said


def test_no_container_but_the_migrating_one_owns_the_tables():
    compose = [check.compose_program(), "--file", ROOT / "docker-compose.yml", "config", "--format", "json"]
    status, said = run(*compose, **check.ENVIRONMENT)
    assert status == 0, said
    services = json.loads(said)["services"]
    for name, user in {
        "migrate": "clinic",
        "web": RUNTIME_USER,
        "worker": RUNTIME_USER,
        "beat": RUNTIME_USER,
    }.items():
        assert urlsplit(services[name]["environment"]["DATABASE_URL"]).username == user
        knows_the_owners = check.ENVIRONMENT["POSTGRES_PASSWORD"] in json.dumps(services[name])
        assert knows_the_owners == (user == "clinic")
    assert (
        f"migrate --no-input && python manage.py grant_runtime {RUNTIME_USER} --create"
        in services["migrate"]["command"][-1]
    )
