"""Who are our invented people? A seeded population of Canada for the demo, tests and benchmarks."""

from passerelle.synthetic.cast import CastMember, cast
from passerelle.synthetic.geography import NODES
from passerelle.synthetic.organizations import physician, shared
from passerelle.synthetic.people import Person, population

__all__ = ["NODES", "CastMember", "Person", "cast", "physician", "population", "shared"]
