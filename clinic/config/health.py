"""Is the process alive, and may it be sent requests? And what Prometheus reads."""

import secrets

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from clinic.config import metrics


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. It asks nobody else: a database that is down is no reason to restart the web
    process."""
    return JsonResponse({"status": "live"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The database answers and has this code's tables.

    Redis is not asked: booking and reading work without it, and the sweep sends what was late.
    """
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return JsonResponse({"status": "not ready", "why": "the database does not answer"}, status=503)
    if waiting:
        return JsonResponse({"status": "not ready", "why": "migrations are waiting"}, status=503)
    return JsonResponse({"status": "ready"})


@require_safe
def exposition(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for who bears METRICS_TOKEN; without one, on this machine alone."""
    wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
    given = request.headers.get("Authorization", "").encode()
    borne = secrets.compare_digest(given, wanted)
    if not (borne if settings.METRICS_TOKEN else settings.METRICS_OPEN):
        return JsonResponse(
            {"status": "a token is needed"}, status=401, headers={"WWW-Authenticate": "Bearer"}
        )
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)
