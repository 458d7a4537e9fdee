"""What a member of staff wants to be told by e-mail."""

from django.db import models

from clinic.practice.models.staff import StaffMember


class MailChoice(models.Model):
    """Without a row everything comes. What is about patients' safety is not in it: whoever it is asked of
    cannot switch it off.
    """

    staff = models.OneToOneField(
        StaffMember, on_delete=models.CASCADE, primary_key=True, related_name="mail_choice"
    )
    digest = models.BooleanField(default=True)
    messages = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"mails of {self.staff_id}"
