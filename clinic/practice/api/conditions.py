"""ETag and If-Match: a change names the version that it was made from."""

import re

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from clinic.practice import errors

# No quotes or commas in our tags, so a list of them can be split without a parser.
_TAG = re.compile(r'(W/)?"([\x21\x23-\x2b\x2d-\x7e]{0,64})"', re.ASCII)


class PreconditionRequired(errors.DomainError):
    """Send If-Match with the ETag of the object that you have read."""

    code = "precondition_required"


def etag(version: int | str) -> str:
    """The strong tag of one version of an object."""
    return f'"{version}"'


def if_match(request: Request, *, required: bool) -> list[str] | None:
    """The versions that the caller would change; None when any will do (`*`, or no header where none is
    required).

    A weak tag never matches (RFC 9110, 13.1.1). Raises PreconditionRequired, or ValidationError for what
    is no tag.
    """
    header = request.headers.get("If-Match")
    if header is None:
        if required:
            raise PreconditionRequired()
        return None
    if header.strip() == "*":
        return None
    found = [_TAG.fullmatch(part.strip()) for part in header.split(",")]
    if not all(found):
        raise ValidationError({"If-Match": ['Must be an ETag in quotes, such as "3".']})
    return [tag[2] for tag in found if tag and not tag[1]]


def version(tags: list[str] | None) -> int | None:
    """The version number to compare in the use case's own transaction; None for no condition.

    Raises Stale when no tag given could ever match. Of several numbers the highest is meant: versions
    only grow.
    """
    if tags is None:
        return None
    numbers = [int(tag) for tag in tags if tag.isdecimal() and len(tag) < 10]
    if not numbers:
        raise errors.Stale()
    return max(numbers)


def tag(tags: list[str] | None) -> str | None:
    """The same for an object whose tag is no number: the only tag given, or None for no condition."""
    if tags is None:
        return None
    if len(tags) != 1:
        raise errors.Stale()
    return tags[0]
