from django.urls import path

from notifications.api import views

urlpatterns = [
    path("messages/", views.MessagesView.as_view(), name="messages"),
    path("messages/<uuid:id>/", views.MessageView.as_view(), name="message"),
]
