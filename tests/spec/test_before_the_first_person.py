"""A node goes through its roads and pages once before it listens: about nobody, and without a trace."""

from __future__ import annotations

from passerelle.node.warm import warm
from passerelle.portals import rendering
from tests.spec.country import Country, patient, run


def test_getting_ready_asks_no_other_node_and_records_nothing() -> None:
    country = Country("on", "bc")
    country.put("on", patient("p1"))
    here = country.nodes["on"]
    run(warm(here))
    assert country.lines["on"].sent == []
    assert run(here.ledger.look(lambda view: view.history())).matches == ()
    assert [stored.id for stored in run(here.store.look(lambda view: view.history())).matches] == ["p1"]


def test_afterwards_no_template_of_the_record_page_is_compiled_any_more() -> None:
    run(warm(Country("on").nodes["on"]))
    before = rendering._template.cache_info().misses
    run(warm(Country("on").nodes["on"]))
    assert before > 0
    assert rendering._template.cache_info().misses == before
