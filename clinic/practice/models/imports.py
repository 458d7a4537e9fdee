"""What a file that was read in did, so that a repeated request can be answered as the first one was."""

from django.db import models

from clinic.practice.ids import new_id
from clinic.practice.models.place import Practice


class ImportRun(models.Model):
    """One applied file. `results` names lines, ids and what was wrong, and repeats nothing of the file."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20)
    # NULL until the last row is done: a run that was broken off is gone through again.
    results = models.JSONField(null=True)
    applied = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=60)

    def __str__(self) -> str:
        return self.kind
