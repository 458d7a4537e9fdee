"""The smallest parts of pages as template tags: some stand hundreds of times on one page, where an `include`
or Django's own `url` costs four times as much.
"""

from functools import lru_cache
from typing import Any
from uuid import UUID

from django import template
from django.template.base import Parser, Token
from django.template.context import Context
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as django_url
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str) -> SafeString:
    """`{% icon "left" %}`: a symbol of components/icons.html, which says nothing to who cannot see it."""
    # The space at its end keeps it off the word beside it.
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="#i-{}"></use></svg> ', name
    )


@register.simple_tag
def badge(shown: Any) -> SafeString:
    """`{% badge line.status %}`: a `scheduling.web.words.Badge`, its word beside its icon; none: nothing."""
    if not shown:
        return SafeString()
    title = format_html(' title="{}"', shown.hint) if shown.hint else SafeString()
    return format_html(
        '<span class="badge tone-{}"{}>{}{}</span>', shown.tone, title, icon(shown.icon), shown.word
    )


class AddressNode(URLNode):
    """Django's `url`, with each route looked up once a page instead of once for each id that it leads to.

    Nothing is kept longer: an address may hold a patient's token.
    """

    def render(self, context: Context) -> str:
        asked = [
            *((str(place), value.resolve(context)) for place, value in enumerate(self.args)),
            *((name, value.resolve(context)) for name, value in self.kwargs.items()),
        ]
        ids = {name: value for name, value in asked if type(value) is UUID}
        named = tuple((name, UUID if name in ids else value) for name, value in asked)
        view = self.view_name.resolve(context)
        of_page: Any = context.render_context.dicts[0]
        known: dict[Any, str] = of_page.setdefault(AddressNode, {})
        try:
            if (view, named) not in known:
                known[view, named] = _route(view, named)
            address = known[view, named] % ids
        except NoReverseMatch:
            if not self.asvar:
                raise
            address = ""
        if not self.asvar:
            return address
        context[self.asvar] = SafeString(address)
        return ""


def _route(name: str, asked: tuple[tuple[str, Any], ...]) -> str:
    """The escaped address of a route, with `%(name)s` where an id of that name belongs; raises
    NoReverseMatch.
    """
    marks = {one: str(UUID(int=place)) for place, (one, value) in enumerate(asked) if value is UUID}
    given = {one: marks.get(one, value) for one, value in asked}
    args = [value for one, value in given.items() if one.isdigit()]
    kwargs = {one: value for one, value in given.items() if not one.isdigit()}
    found = format_html("{}", reverse(name, args=args, kwargs=kwargs)).replace("%", "%%")
    for one, mark in marks.items():
        found = found.replace(mark, f"%({one})s")
    return found


@register.tag
def url(parser: Parser, token: Token) -> AddressNode:
    """`{% url "visit" visit.id %}`"""
    told = django_url(parser, token)
    return AddressNode(told.view_name, told.args, told.kwargs, told.asvar)
