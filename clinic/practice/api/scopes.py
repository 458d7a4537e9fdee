"""Which OAuth2 scopes exist, and which of them a program's tokens may carry."""

from typing import Any

from oauth2_provider.scopes import BaseScopes

from clinic.practice.permissions import SCOPES


class PracticeScopes(BaseScopes):  # type: ignore[misc]  # no types there
    """All scopes of the permission table; a client gets those it was allowed, never more."""

    def get_all_scopes(self) -> dict[str, str]:
        return SCOPES

    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        if application is None:
            return []
        return sorted(set(application.allowed_scopes.split()) & set(SCOPES))

    def get_default_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        return self.get_available_scopes(application=application, request=request)
