"""The addresses of the page on which patients answer to a place that is kept for them."""

from django.urls import path

from scheduling.web.patient import offer_views

urlpatterns = [
    path("<str:token>", offer_views.offer, name="own-offer"),
    path("<str:token>/again", offer_views.again, name="own-offer-again"),
    path("<str:token>/<slug:what>", offer_views.act, name="own-offer-act"),
]
