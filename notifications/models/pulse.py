"""When work was last done."""

from django.db import models


class Pulse(models.Model):
    """One row a queue: when a worker last took a task from it. It went the whole way that all work goes:
    beat, broker, worker, database.
    """

    queue = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.queue
