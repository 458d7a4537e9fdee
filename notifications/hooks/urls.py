"""The addresses that providers are given."""

from django.urls import path

from notifications.hooks import telnyx, twilio

urlpatterns = [
    path("telnyx/reports/<uuid:attempt_id>/", telnyx.report, name="telnyx-report"),
    path("twilio/reports/<uuid:attempt_id>/", twilio.report, name="twilio-report"),
]
