"""What the OpenAPI document says of an operation, beside what its serializers tell."""

import re
from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

from clinic.practice.api import shapes
from clinic.practice.api.shapes import Shape
from clinic.practice.permissions import GRANTS

PROBLEM = "application/problem+json"
MEANING = {
    400: "`invalid`: `fields` says what is wrong with each field, parameter or header.",
    401: "`not_authenticated`: no access token, or not a valid one.",
    403: "`not_allowed`: the program does not have the scope.",
    404: "`not_found`: there is no such object in this practice.",
    409: "The state of things does not allow it: `slot_taken` (with `clashes` and `alternative`), "
    "`merge_clash` (with `clashes`), `hold_expired` (with `alternative`), `too_many_holds`, "
    "`invalid_transition`, `busy` (with Retry-After), `idempotency_in_flight`, `conflict`.",
    410: "`merged`: the patient was on file twice; `merged_into` is who has everything of it now.",
    412: "`stale`: the object has changed since it was read.",
    413: "`too_large`: the body is larger than is taken.",
    415: "`unsupported_media_type`: the body is of another kind than is taken.",
    422: "Understood, but not possible: `unplannable` (with `rules`), `rule_violation` (with `violations`), "
    "`idempotency_key_reused`.",
    428: "`precondition_required`: send If-Match with the ETag of what you have read.",
    429: "`throttled`: too many requests of this program (with Retry-After).",
    503: "`unavailable`: the database does not answer (with Retry-After).",
}


class ApiSchema(AutoSchema):
    """Names of components without our suffixes; bodies that refuse unknown fields say so."""

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return re.sub("Shape|Ask", "", str(super().get_serializer_name(serializer, direction)))

    def _map_serializer(self, serializer: Any, direction: str, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer(serializer, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        shape = force_instance(serializer)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(shape, shapes.Body) and schema.get("type") == "object":
            schema["additionalProperties"] = shape.open
        return schema


class Problem(Shape):
    """RFC 9457. `code` is stable, `detail` is for people; the code's own fields stand beside them."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="`invalid`: what is wrong with each field, by its path.",
    )
    clashes = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="`slot_taken`: the visits that do not fit."
    )
    alternative = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="`slot_taken`, `hold_expired`: what can be had, or null.",
    )
    rules = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="`unplannable`: {rule, visit, message, relaxations: [{change, would_allow}]}.",
    )
    violations = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="`rule_violation`: {rule_id, severity, overridable, visit, message}.",
    )
    merged_into = serializers.UUIDField(required=False, help_text="`merged`: the patient's id now.")
    allowed = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="`invalid_transition`: what is possible."
    )


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "clinic.practice.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token from `POST /oauth/token/` by client credentials.",
        }


# Of every write that answers with an object.
WRITTEN = "The answer shows the object as it is now, also to a program without the scope to read it."


def describe(
    *,
    name: str,
    summary: str,
    capability: str,
    answer: type[Shape] | None,
    body: type[Shape] | None,
    query: type[Shape] | None,
    status: int,
    page: bool,
    many: bool,
    key: str,
    condition: str,
    problems: tuple[int, ...],
) -> Callable[[Any], Any]:
    """The decorator that documents a method: its parameters, its body and every answer that it can give."""
    parameters: list[Any] = [query] if query else []
    if key:
        parameters.append(
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                required=key == "required",
                description="The same key and body give the same answer, once; kept for 24 hours.",
            )
        )
    if condition:
        parameters.append(
            OpenApiParameter(
                "If-Match",
                str,
                OpenApiParameter.HEADER,
                required=condition == "required",
                description="The ETag of the version that the change was made from.",
            )
        )
    shape: Any = answer
    if page and answer is not None:
        shape = page_of(answer)
    elif many and answer is not None:
        shape = answer(many=True)
    elif answer is not None:
        parameters.append(
            OpenApiParameter(
                "ETag", str, OpenApiParameter.HEADER, response=[status], description="Its version."
            )
        )
    shows = answer is not None and bool(key or condition)
    return extend_schema(
        operation_id=name,
        summary=summary,
        description=f"Needs the scope `{GRANTS[capability].scope}`." + (f" {WRITTEN}" if shows else ""),
        tags=[name.split("_")[0]],
        parameters=parameters,
        # A file has media types of its own.
        request=getattr(body, "media", None) or body,
        responses={status: shape, **_problems(body is not None, key, condition, problems)},
    )


def page_of(answer: type[Shape]) -> Any:
    """The component of one page of a list."""
    return inline_serializer(
        name=f"{answer.__name__}Page",
        fields={
            "results": answer(many=True),
            "next": serializers.CharField(
                allow_null=True, help_text="Cursor of the next page; null at the end."
            ),
        },
    )


def _problems(has_body: bool, key: str, condition: str, more: tuple[int, ...]) -> dict[Any, Any]:
    told = {400, 401, 403, 429, 503, *more}
    if has_body:
        told |= {413}
    if key:
        told |= {409, 422}
    if condition:
        told |= {412}
    if condition == "required":
        told |= {428}
    return {
        (status, PROBLEM): OpenApiResponse(response=Problem, description=MEANING[status])
        for status in sorted(told)
    }
