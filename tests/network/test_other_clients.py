"""Clients that others wrote, as they are published: they find, read, write and sign in here without a change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.network.country import Country
from tests.network.visitor import Visitor
from tests.network.wire import call

fhirpy = pytest.importorskip("fhirpy", reason="fhirpy is not installed")
fhirclient = pytest.importorskip("fhirclient.client", reason="fhirclient is not installed")

BACK = "http://127.0.0.1:8765/callback"
FAMILY = "Clientèle"
"""A name that nobody else has, so that what these tests wrote is found again and nothing else."""


def _fhirpy(country: Country, node: str) -> Any:
    authorization = f"Bearer {country.token(node)}"
    return fhirpy.SyncFHIRClient(country.fhir(node), authorization=authorization)


def test_fhirpy_creates_reads_changes_and_deletes(country: Country) -> None:
    client = _fhirpy(country, "pe")
    patient = client.resource("Patient", name=[{"family": FAMILY, "given": ["Zoë"]}], gender="female")
    patient.save()
    assert patient["meta"]["versionId"] == "1"
    again = client.reference("Patient", patient.id).to_resource()
    assert again.serialize() == patient.serialize()
    again["birthDate"] = "1990-02-03"
    again.save()
    assert again["meta"]["versionId"] == "2"
    assert patient.refresh()["birthDate"] == "1990-02-03"
    assert patient.refresh()["birthDate"] == "1990-02-03"  # not modified since: nothing is sent
    patient.delete()
    with pytest.raises(fhirpy.base.exceptions.ResourceNotFound):
        client.reference("Patient", patient.id).to_resource()


def test_fhirpy_searches_counts_and_turns_pages(country: Country) -> None:
    client = _fhirpy(country, "on")
    her = client.resources("Patient").search(family="tremblay", birthdate="1961-03-14").get()
    found = client.resources("Observation").search(patient=her.id, _sort="-date").limit(25)
    everything = found.fetch_all()
    assert len(everything) > 50
    assert len({one.id for one in everything}) == len(everything) == found.count()
    dates = [one["effectiveDateTime"][:10] for one in everything]
    assert dates == sorted(dates, reverse=True)
    assert [one.id for one in found.fetch()] == [one.id for one in everything[:25]]


def test_fhirpy_follows_references_and_includes(country: Country) -> None:
    client = _fhirpy(country, "on")
    her = client.resources("Patient").search(family="tremblay", birthdate="1961-03-14").get()
    bundle = (
        client.resources("MedicationRequest").search(patient=her.id).include("MedicationRequest", "requester")
    ).fetch_raw()
    kinds = {(entry["search"]["mode"], entry["resource"]["resourceType"]) for entry in bundle["entry"]}
    assert ("match", "MedicationRequest") in kinds
    assert ("include", "Practitioner") in kinds
    request = next(e["resource"] for e in bundle["entry"] if e["search"]["mode"] == "match")
    assert request["subject"].to_resource().id == her.id


def test_fhirpy_is_told_what_is_wrong_in_its_own_errors(country: Country) -> None:
    client = _fhirpy(country, "on")
    with pytest.raises(fhirpy.base.exceptions.OperationOutcome) as refused:
        client.resource("Patient", gender="nonsense").save()
    assert refused.value.resource["issue"][0]["expression"] == ["Patient.gender"]
    stranger = fhirpy.SyncFHIRClient(country.fhir("on"), authorization="Bearer nonsense")
    with pytest.raises(fhirpy.base.exceptions.AuthorizationError):
        stranger.resources("Patient").fetch()


def test_fhirpy_asks_for_many_things_at_once(country: Country) -> None:
    async def ask() -> list[int]:
        authorization = f"Bearer {country.token('on')}"
        client = fhirpy.AsyncFHIRClient(country.fhir("on"), authorization=authorization)
        types = ["Patient", "Observation", "Condition", "Encounter", "Immunization"] * 4
        return list(await asyncio.gather(*(client.resources(type).count() for type in types)))

    counts = asyncio.run(ask())
    assert counts[:5] * 4 == counts
    assert all(counts)


def _app(country: Country, node: str, scope: str) -> Any:
    """An app as the SMART tutorial writes it, before anybody has signed in."""
    app = next(c for c in country.network["clients"] if c["node"] == node and c["client_id"] == "demo-app")
    settings = {
        "app_id": app["client_id"],
        "api_base": country.fhir(node),
        "redirect_uri": BACK,
        "scope": scope,
    }
    client = fhirclient.FHIRClient(settings)
    assert not client.ready
    assert not client.prepare()
    return client


def _allow(country: Country, client: Any, node: str, login: str, decision: str = "allow") -> Visitor:
    """Play the person at the browser: sign in, read what the app asks for, decide; where that leads."""
    visitor = Visitor(country.address(node))
    visitor.open(client.authorize_url)
    assert "/sign-in" in visitor.at
    visitor.sign_in(login, country.login(login)["password"])
    assert visitor.page.status == 200
    assert "Carnet" in visitor.page.text
    (form,) = [form for form in visitor.forms("authorize") if form.buttons]
    visitor.submit(form, decision=decision)
    return visitor


def test_a_smart_app_acts_for_a_patient_who_signed_in_and_allowed_it(country: Country) -> None:
    from fhirclient.models.observation import Observation
    from fhirclient.models.patient import Patient

    client = _app(country, "on", "patient/*.rs offline_access")
    visitor = _allow(country, client, "on", "marie-eve-tremblay")
    assert visitor.at.startswith(BACK)
    client.handle_callback(visitor.at)
    assert client.ready
    assert client.patient_id
    assert client.patient.name[0].family == "Tremblay"
    search = Observation.where({"patient": client.patient_id, "_count": "50"})
    hers = list(search.perform_resources_iter(client.server))
    assert len(hers) == len({one.id for one in hers}) > 100
    assert {one.subject.reference for one in hers} == {f"Patient/{client.patient_id}"}
    seen = Patient.where({}).perform_resources_iter(client.server)
    assert [one.id for one in seen] == [client.patient_id]
    assert client.reauthorize()
    assert Patient.read(client.patient_id, client.server).birthDate.isostring == "1961-03-14"


def test_a_smart_app_acts_for_a_clinician_and_may_write_what_a_clinician_may(country: Country) -> None:
    from fhirclient.models.humanname import HumanName
    from fhirclient.models.observation import Observation
    from fhirclient.models.patient import Patient

    client = _app(country, "on", "user/*.cruds")
    client.handle_callback(_allow(country, client, "on", "dr-on").at)
    assert client.ready
    her = {"family": "tremblay", "birthdate": "1961-03-14"}
    (patient,) = Patient.where(her).perform_resources_iter(client.server)
    found = Observation.where({"patient": patient.id, "category": "laboratory", "date": "gt2020-01-01"})
    assert list(found.perform_resources_iter(client.server))
    written = Patient({"name": [HumanName({"family": FAMILY, "given": ["Noé"]}).as_json()]})
    created = written.create(client.server)
    assert created["resourceType"] == "Patient"
    kept = Patient.read(created["id"], client.server)
    kept.gender = "male"
    assert kept.update(client.server)["meta"]["versionId"] == "2"


def test_a_person_who_does_not_allow_it_gives_the_app_nothing(country: Country) -> None:
    client = _app(country, "on", "patient/*.rs")
    visitor = _allow(country, client, "on", "marie-eve-tremblay", decision="deny")
    assert visitor.at.startswith(BACK)
    with pytest.raises(Exception, match="denied"):
        client.handle_callback(visitor.at)
    assert not client.ready


def test_a_code_is_worth_nothing_to_another_and_nothing_twice(country: Country) -> None:
    client, thief = _app(country, "on", "patient/*.rs"), _app(country, "on", "patient/*.rs")
    back = _allow(country, client, "on", "marie-eve-tremblay").at
    thief.server.auth.auth_state = client.server.auth.auth_state
    assert thief.authorize_url
    with pytest.raises(Exception, match="400"):
        thief.handle_callback(back)
    client.handle_callback(back)
    token = client.server.auth.access_token
    assert call(country.fhir("on"), "GET", "/Patient", token=token).status == 200
    with pytest.raises(Exception, match="400"):
        client.handle_callback(back)
    assert call(country.fhir("on"), "GET", "/Patient", token=token).status == 401
