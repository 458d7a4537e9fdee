"""Keys that make a repeated request have one effect."""

from typing import ClassVar

from django.db import models


class IdempotencyKey(models.Model):
    """One row a key and caller, written in the effect's own transaction. It holds no body: a replay renders
    the object anew."""

    scope = models.CharField(max_length=120)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField()
    object_kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return self.key
