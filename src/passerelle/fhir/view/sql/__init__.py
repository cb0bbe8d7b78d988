"""How is a view said to a SQL engine? One builder over a plan, and a small dialect for each engine."""

from passerelle.fhir.view.sql.statement import statement

__all__ = ["statement"]
