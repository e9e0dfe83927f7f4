"""`{% say "English text" %}`: in the language of the page, which its context has as `language`."""

from __future__ import annotations

from typing import Any

from django import template

from accord_hub.words import say

register = template.Library()


@register.simple_tag(name="say", takes_context=True)
def say_tag(context: dict[str, Any], text: str) -> str:
    """The text in the page's language."""
    return say(text, context["language"])
