"""How do views run over what is kept: in a store, in NDJSON and in Parquet, by whichever engine is asked for?

``rows_of`` gives the rows in Python; ``write_view`` writes them to a file. The meaning of a view is in ``fhir.view``.
"""

from passerelle.store.analytics.engines import ENGINES, rows_of, write_view
from passerelle.store.analytics.errors import AnalyticsError
from passerelle.store.analytics.sources import Source, find_source
from passerelle.store.analytics.writing import FORMATS

__all__ = ["ENGINES", "FORMATS", "AnalyticsError", "Source", "find_source", "rows_of", "write_view"]
