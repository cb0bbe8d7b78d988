"""Can we prove what happened? Events that are written before the answer is given."""
