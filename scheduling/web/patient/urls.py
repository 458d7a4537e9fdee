"""The addresses of the patient's page: short, because a text message carries them, and telling nothing."""

from django.urls import path

from scheduling.web.patient import questions, views

urlpatterns = [
    path("<str:token>", views.visit, name="own-visit"),
    path("<str:token>/visit.ics", views.calendar, name="own-visit-calendar"),
    path("<str:token>/times", views.times, name="own-visit-times"),
    path("<str:token>/again", views.again, name="own-visit-again"),
    path("<str:token>/questions/<int:number>", questions.questions, name="own-visit-questions"),
    path("<str:token>/<slug:what>", views.act, name="own-visit-act"),
]
