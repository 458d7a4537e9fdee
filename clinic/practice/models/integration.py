"""Programs that integrate with the practice."""

from django.db import models
from oauth2_provider.models import AbstractApplication

from clinic.practice.models.place import Practice


class IntegrationClient(AbstractApplication):  # type: ignore[misc]  # the library is untyped
    """An OAuth2 client of one practice. `allowed_scopes` bounds what its tokens can ever carry."""

    practice: "models.ForeignKey[Practice, Practice]" = models.ForeignKey(
        Practice, on_delete=models.CASCADE, related_name="+"
    )
    allowed_scopes: "models.TextField[str, str]" = models.TextField(default="", blank=True)
    is_active: "models.BooleanField[bool, bool]" = models.BooleanField(default=True)

    class Meta(AbstractApplication.Meta):  # type: ignore[misc]
        abstract = False

    def is_usable(self, request: object) -> bool:
        """Whether it may get and use tokens: the token endpoint asks."""
        return self.is_active
