from django.urls import path

from clinic.practice.api import access_log, people, place, work

urlpatterns = [
    path("access-log/", access_log.AccessLogView.as_view(), name="access-log"),
    path("practices/", place.PracticesView.as_view(), name="practices"),
    path("practices/<uuid:id>/", place.PracticeView.as_view(), name="practice"),
    path("sites/", place.SitesView.as_view(), name="sites"),
    path("sites/<uuid:id>/", place.SiteView.as_view(), name="site"),
    path("rooms/", place.RoomsView.as_view(), name="rooms"),
    path("rooms/<uuid:id>/", place.RoomView.as_view(), name="room"),
    path("closures/", place.ClosuresView.as_view(), name="closures"),
    path("closures/<uuid:id>/", place.ClosureView.as_view(), name="closure"),
    path("practitioners/", people.PractitionersView.as_view(), name="practitioners"),
    path("practitioners/<uuid:id>/", people.PractitionerView.as_view(), name="practitioner"),
    path("delegations/", work.DelegationsView.as_view(), name="delegations"),
    path("delegations/<uuid:id>/", work.DelegationView.as_view(), name="delegation"),
    path("work-items/", work.WorkItemsView.as_view(), name="work-items"),
    path("work-items/<uuid:id>/", work.WorkItemView.as_view(), name="work-item"),
    path("work-items/<uuid:id>/done/", work.WorkItemDoneView.as_view(), name="work-item-done"),
]
