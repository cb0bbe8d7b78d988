"""Can we prove what happened? Events that are written before the answer is given."""

from passerelle.audit.event import NO_LINE, Line, event, received

__all__ = ["NO_LINE", "Line", "event", "received"]
