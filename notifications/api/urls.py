from django.urls import path

from notifications.api import views, webhooks

urlpatterns = [
    path("messages/", views.MessagesView.as_view(), name="messages"),
    path("messages/<uuid:id>/", views.MessageView.as_view(), name="message"),
    path("webhooks/", webhooks.WebhooksView.as_view(), name="webhooks"),
    path("webhooks/<uuid:id>/", webhooks.WebhookView.as_view(), name="webhook"),
    path("webhooks/<uuid:id>/rotate-secret/", webhooks.RotateSecretView.as_view(), name="webhook-secret"),
    path("webhooks/<uuid:id>/replay/", webhooks.ReplaySpanView.as_view(), name="webhook-replay"),
    path("webhooks/<uuid:id>/deliveries/", webhooks.DeliveriesView.as_view(), name="webhook-deliveries"),
    path(
        "webhooks/<uuid:id>/deliveries/<uuid:delivery>/",
        webhooks.DeliveryView.as_view(),
        name="webhook-delivery",
    ),
    path(
        "webhooks/<uuid:id>/deliveries/<uuid:delivery>/replay/",
        webhooks.ReplayDeliveryView.as_view(),
        name="webhook-delivery-replay",
    ),
]
