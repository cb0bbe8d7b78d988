"""From a template and values to HTML text. Everything is escaped; a value that is not given is a bug."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from passerelle.portals.assets import static_names
from passerelle.portals.speech import Speech
from passerelle.values import Language

BRAND = "Passerelle"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("passerelle.portals", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(brand=BRAND, assets=static_names())
    return environment


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


def render(name: str, language: Language, **values: Any) -> str:
    """The HTML of one template in one language; ``t`` is the language's voice."""
    other: Language = "fr" if language == "en" else "en"
    return _template(name).render(t=Speech(language), other=Speech(other), **values)
