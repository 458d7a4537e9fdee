"""A client made of the OpenAPI document by a generator is typed, and does the main job and the repairs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests import factories
from tests.bench import _server
from tests.races import firing

JOURNEY = Path(__file__).with_name("typed_journey.py")


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """The folder that holds the generated package; it is never kept."""
    document, options, package = (tmp_path / name for name in ("api.json", "how.yml", "clinic_client"))
    document.write_bytes(Client().get("/api/schema/").content)
    options.write_text("post_hooks: []\n")
    told = run(
        *("-m", "openapi_python_client", "generate", "--meta", "none"),
        *("--path", str(document), "--config", str(options), "--output-path", str(package)),
    )
    # The generator sends a file as a form; as a bare body it does not know one. All else is to its liking.
    assert told.count("WARNING") == told.count("Unsupported content type text/csv") == 2, told
    (package / "py.typed").touch()
    return tmp_path


@pytest.mark.django_db(transaction=True)
def test_the_main_job_and_the_repairs_by_a_generated_client(generated: Path, tmp_path: Path) -> None:
    paths = str(generated)
    checked = ("--strict", "--config-file", os.devnull, "--cache-dir", str(tmp_path / "mypy"))
    run("-m", "mypy", *checked, str(JOURNEY), MYPYPATH=paths)
    clinic = factories.small_clinic()
    client_id = firing.program(clinic.practice)
    with _server.web() as port:
        said = run(
            str(JOURNEY),
            *(f"http://127.0.0.1:{port}", settings.ALLOWED_HOSTS[0], client_id, firing.SECRET),
            PYTHONPATH=paths,
        )
    assert said.endswith("done\n")
