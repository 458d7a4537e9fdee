"""The smallest parts of pages as template tags: some stand hundreds of times on one page, where an `include`
costs four times as much.
"""

from functools import lru_cache
from typing import Any

from django import template
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
