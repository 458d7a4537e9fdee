"""The addresses that providers are given."""

from django.urls import path

from notifications.hooks import twilio

urlpatterns = [
    path("twilio/reports/<uuid:attempt_id>/", twilio.report, name="twilio-report"),
]
