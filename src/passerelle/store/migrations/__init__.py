"""How the tables of the SQL engines came to be, step by step; SQLite and PostgreSQL from the same steps."""

HEAD = "0003"
"""The revision that this program works with."""
