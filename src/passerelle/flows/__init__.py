"""In what order? Each road is a list of steps; every side effect is a port on one page (``ports``)."""
