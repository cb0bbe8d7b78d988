"""R4's RESTful interactions as plain functions over one snapshot (https://hl7.org/fhir/R4/http.html).

Each takes the request, a view of the store and how far the request reaches, and returns what was done; what cannot be
done is raised as BadInput with the status that the specification gives it. Nothing here waits, so a whole transaction
runs inside one atomic change.
"""

from __future__ import annotations

from collections.abc import Mapping

from passerelle.flows.looking import history, read, vread
from passerelle.flows.reach import Look
from passerelle.flows.searching import search_for

LOOKS: Mapping[str, Look] = {
    "read": read,
    "vread": vread,
    "history-instance": history,
    "history-type": history,
    "history-system": history,
    "search-type": search_for,
    "search-system": search_for,
}
"""What only looks."""
