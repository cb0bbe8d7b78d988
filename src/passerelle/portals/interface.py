"""What can a program ask of this node? A plain page of the CapabilityStatement, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from passerelle.portals.rendering import render
from passerelle.portals.speech import Speech
from passerelle.portals.viewing import Paths
from passerelle.values import Json, Language


@dataclass(frozen=True)
class Line:
    """One resource type: what can be done with it, and by what it is found."""

    type: str
    interactions: str
    parameters: tuple[tuple[str, str, str], ...]
    """Name, type and meaning of each search parameter of its own, the meaning in the language of the page."""
    operations: str


def page(statement: Json, language: Language) -> str:
    """The whole page."""
    (rest,) = statement["rest"]
    other = "fr" if language == "en" else "en"
    common = {each["name"] for each in rest["searchParam"]}
    speech = Speech(language)
    return render(
        "interface.html",
        language,
        title=speech("interface-title"),
        page="interface",
        paths=Paths(toggle=f"/fhir/openapi.html?lang={other}"),
        viewer=None,
        csrf="",
        typed="",
        recorded="",
        version=statement["software"]["version"],
        formats=", ".join(statement["format"]),
        patches=", ".join(statement["patchFormat"]),
        system=", ".join(each["code"] for each in rest["interaction"]),
        common=[_parameter(each, speech) for each in rest["searchParam"]],
        lines=[_line(each, common, speech) for each in rest["resource"]],
    )


def _parameter(each: Json, speech: Speech) -> tuple[str, str, str]:
    return each["name"], each["type"], speech(_MEANS[each["type"]])


_MEANS = {
    "token": "interface-token",
    "string": "interface-string",
    "date": "interface-date",
    "number": "interface-number",
    "quantity": "interface-quantity",
    "reference": "interface-reference",
    "uri": "interface-uri",
    "composite": "interface-composite",
    "special": "interface-special",
}


def _line(resource: Json, common: set[str], speech: Speech) -> Line:
    own = (each for each in resource["searchParam"] if each["name"] not in common)
    return Line(
        resource["type"],
        ", ".join(each["code"] for each in resource["interaction"]),
        tuple(_parameter(each, speech) for each in own),
        ", ".join(f"${each['name']}" for each in resource.get("operation", ())),
    )
