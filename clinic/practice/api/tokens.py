"""The token endpoint: client credentials, and no other way to a token."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.views import TokenView

from clinic.practice import addresses, limits

GRANT = "client_credentials"


class ClientValidator(OAuth2Validator):  # type: ignore[misc]  # no types there
    """The library's, for psycopg 3: a NUL in a client's id is an unknown client, not an error of the
    database; so is no id at all, which the library asks for when the Authorization header told none.
    """

    def _load_application(self, client_id: str | None, request: Any) -> Any:
        if not client_id or "\x00" in client_id:
            return None
        return super()._load_application(client_id, request)


class ClientCredentialsView(TokenView):  # type: ignore[misc]
    """RFC 6749, section 4.4. Its errors are that RFC's, not problem+json, because OAuth clients expect
    them.
    """

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        limits.check(limits.open_count("token", addresses.address_of(request)))
        # The library answers device polling before its server is asked, so other grants end here.
        asked = request.POST.get("grant_type")
        if asked != GRANT:
            error = "unsupported_grant_type" if asked else "invalid_request"
            return JsonResponse({"error": error}, status=400)
        answer: HttpResponse = self.authorization_flow_token_response(request)
        return answer
