"""The addresses that providers are given."""

from django.urls import path

from notifications.hooks import bounces, telnyx, twilio

urlpatterns = [
    path("bounces/", bounces.bounce, name="bounce"),
    path("telnyx/messages/", telnyx.message, name="telnyx-message"),
    path("telnyx/reports/<uuid:attempt_id>/", telnyx.report, name="telnyx-report"),
    path("twilio/messages/", twilio.message, name="twilio-message"),
    path("twilio/reports/<uuid:attempt_id>/", twilio.report, name="twilio-report"),
]
