"""The addresses of the page on which patients choose a time: short, and telling nothing."""

from django.urls import path

from scheduling.web.patient import next_views

urlpatterns = [
    path("<str:token>", next_views.choose, name="own-next"),
    path("<str:token>/again", next_views.again, name="own-next-again"),
    path("<str:token>/<slug:what>", next_views.act, name="own-next-act"),
]
