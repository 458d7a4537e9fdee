from django.urls import path

from patients.api import addresses, views

urlpatterns = [
    path("patients/", views.PatientsView.as_view(), name="patients"),
    path("patients/duplicates/", views.DuplicatesView.as_view(), name="patient-duplicates"),
    path("imports/patients/", views.PatientImportView.as_view(), name="import-patients"),
    path("patients/<uuid:id>/", views.PatientView.as_view(), name="patient"),
    path("patients/<uuid:id>/consents/", views.ConsentsView.as_view(), name="patient-consents"),
    path(
        "patients/<uuid:id>/consents/<uuid:consent_id>/withdraw/",
        views.ConsentWithdrawalView.as_view(),
        name="patient-consent-withdraw",
    ),
    path("patients/<uuid:id>/eligibility/", views.EligibilityView.as_view(), name="patient-eligibility"),
    path("patients/<uuid:id>/measures/", views.MeasuresView.as_view(), name="patient-measures"),
    path(
        "patients/<uuid:id>/messaging-consents/",
        views.MessagingConsentsView.as_view(),
        name="patient-messaging-consents",
    ),
    path(
        "patients/<uuid:id>/contact-points/",
        addresses.ContactPointsView.as_view(),
        name="patient-contact-points",
    ),
    path(
        "patients/<uuid:id>/contact-points/<uuid:point_id>/",
        addresses.ContactPointView.as_view(),
        name="patient-contact-point",
    ),
    path(
        "patients/<uuid:id>/address-requests/",
        addresses.AddressRequestsView.as_view(),
        name="patient-address-requests",
    ),
]
