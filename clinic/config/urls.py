"""Every address, on one screen."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularJSONAPIView

from clinic.config import docs, errors, health
from clinic.practice.api.tokens import ClientCredentialsView
from scheduling.web.patient import stopping

API = [
    path("", include("clinic.practice.api.urls")),
    path("", include("patients.api.urls")),
    path("", include("notifications.api.urls")),
    path("", include("scheduling.api.urls")),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include((API, "api"))),
    path("api/schema/", SpectacularJSONAPIView.as_view(), name="api-schema"),
    path("api/docs/", docs.ApiDocsView.as_view(url_name="api-schema"), name="api-docs"),
    path("oauth/token/", ClientCredentialsView.as_view(), name="oauth-token"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", health.exposition, name="metrics"),
    path("accounts/", include("clinic.practice.web.urls")),
    path("hooks/", include("notifications.hooks.urls")),
    path("v/", include("scheduling.web.patient.urls")),
    path("o/", include("scheduling.web.patient.offer_urls")),
    path("n/", include("scheduling.web.patient.next_urls")),
    path("u/<str:token>", stopping.stop, name="stop-emails"),
    path("", include("scheduling.web.urls")),
]

handler400 = errors.bad_request
handler403 = errors.not_allowed
handler404 = errors.not_found
handler500 = errors.server_error
