"""Passerelle: a bridge between health records, run as a node by each custodian."""

__version__ = "0.1.0"
