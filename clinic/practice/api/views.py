"""What every API view is made of. A view translates: parse the shape, one domain call, render a row."""

import functools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from clinic.practice import limits, paging, reads
from clinic.practice.actor import Actor
from clinic.practice.api import conditions, cursors, keys, schema, shapes
from clinic.practice.api.authentication import Program
from clinic.practice.api.shapes import Shape
from clinic.practice.idempotency import Key

Method = TypeVar("Method", bound=Callable[..., Response])


def operation(
    name: str,
    summary: str,
    *,
    capability: str,
    answer: type[Shape] | None,
    body: type[shapes.Body] | None = None,
    query: type[shapes.Query] | None = None,
    status: int = 200,
    page: bool = False,
    many: bool = False,
    partial: bool = False,
    key: str = "",
    condition: str = "",
    problems: Iterable[int] = (),
) -> Callable[[Method], Method]:
    """Say once what a method takes, needs and answers: what is checked at run time and what the schema tells
    are one.

    `key` and `condition` are "", "optional" or "required": Idempotency-Key and If-Match. `page` is a page
    of a list,
    `many` a whole list, `partial` a change of only the fields given.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def handler(view: "ApiView", request: Request, *args: Any, **kwargs: Any) -> Response:
            view.query = (query or shapes.Query).of(request.query_params)
            if body is not None:
                view.body = view.parsed(body, partial=partial)
            if key:
                raw = request.data
                view.key = keys.key_of(request, actor=view.actor, body=raw, required=key == "required")
            if condition:
                view.if_match = conditions.if_match(request, required=condition == "required")
            return method(view, request, *args, **kwargs)

        described = schema.describe(
            name=name,
            summary=summary,
            capability=capability,
            answer=answer,
            body=body,
            query=query,
            status=status,
            page=page,
            many=many,
            key=key,
            condition=condition,
            problems=tuple(problems),
        )(handler)
        described.capability = capability
        return cast(Method, described)

    return decorate


def changes(
    resource: str,
    what: str,
    *,
    capability: str,
    body: type[shapes.Body],
    answer: type[Shape],
    problems: Iterable[int] = (),
) -> Callable[[Method], tuple[Method, Method]]:
    """`patch, put = changes(...)(method)`: change some fields, or give all of them; both need If-Match."""

    def decorate(method: Method) -> tuple[Method, Method]:
        def one(verb: str, summary: str, partial: bool) -> Method:
            return operation(
                f"{resource}_{verb}",
                summary,
                capability=capability,
                body=body,
                answer=answer,
                partial=partial,
                condition="required",
                problems=[404, 409, *problems],
            )(method)

        return one("change", f"Change fields of {what}", True), one("replace", f"Replace {what}", False)

    return decorate


class ApiView(APIView):
    """The rim's only base class. `query`, `body`, `key` and `if_match` are set before the method runs, by
    `@operation`.
    """

    # The shape of one object, used by `one` and `page`.
    shape: ClassVar[type[Shape]]

    query: Mapping[str, Any]
    body: dict[str, Any]
    key: Key | None = None
    if_match: list[str] | None = None
    counted: limits.Count | None = None

    def check_throttles(self, request: Request) -> None:
        """Count the request of this program. Raises Throttled; while Redis is away nothing is counted, so
        that booking does not depend on it.
        """
        self.counted = limits.open_count("program", self.actor.ref)
        limits.check(self.counted)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Every counted answer tells what is left."""
        for name, value in (self.counted.headers if self.counted else {}).items():
            response[name] = value
        return super().finalize_response(request, response, *args, **kwargs)

    @property
    def actor(self) -> Actor:
        return cast(Program, self.request.user).actor

    @functools.cached_property
    def now(self) -> datetime:
        """The one moment at which this request happens."""
        return timezone.now()

    @property
    def version(self) -> int | None:
        """The version that If-Match names; None for no condition."""
        return conditions.version(self.if_match)

    @property
    def tag(self) -> str | None:
        """The same, for an object whose tag is no number."""
        return conditions.tag(self.if_match)

    def parsed(self, shape: type[shapes.Body], *, partial: bool = False) -> dict[str, Any]:
        """The body in this shape; raises ValidationError that names each field."""
        if self.request.data is None:
            raise ValidationError({"body": ["Must be an object."]})
        return shape.read(self.request.data, partial=partial)

    def part(self, *, order: str = "id", stamp: str = "updated_at", moves: bool = False) -> paging.Cut:
        """Which page of the list was asked for: with `updated_since` in the order of change.

        `moves` says that a row's place in `order` can change.
        """
        cursor = self.query.get("cursor")
        if self.query.get("updated_since"):
            order, moves = stamp, True
        return paging.Cut(
            order=order,
            after=cursors.load(cursor, bound=self._bound()) if cursor else None,
            limit=self.query["limit"],
            stamp=stamp if moves else "",
        )

    def page(self, page: paging.Page[Any], *, shape: type[Shape] | None = None) -> Response:
        """A page of a list, with the cursor of the next."""
        self.shown(shapes.patients_of(shape or self.shape, page.rows))
        rendered = (shape or self.shape).show_all(page.rows)
        following = cursors.dump(page.next, bound=self._bound()) if page.next else None
        return Response({"results": rendered, "next": following})

    def one(
        self, row: Any, *, version: int | str, status: int = 200, shape: type[Shape] | None = None
    ) -> Response:
        """One object with its ETag."""
        self.shown(shapes.patients_of(shape or self.shape, [row]))
        headers = {"ETag": conditions.etag(version)}
        return Response((shape or self.shape).show(row), status=status, headers=headers)

    def shown(self, patient_ids: Iterable[UUID | None]) -> None:
        """Log whom this answer shows; `page` and `one` do it by themselves. A write has its trail instead."""
        if self.request.method in SAFE_METHODS:
            match = self.request.resolver_match
            route = match.route if match else ""
            reads.record(actor=self.actor, route=route, patient_ids=patient_ids, now=self.now)

    def _bound(self) -> str:
        return cursors.binding(scope=self.actor.ref, route=self.request.path, query=dict(self.query))
