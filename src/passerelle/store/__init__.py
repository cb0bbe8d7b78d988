"""What was true, and when? Memory, SQLite and PostgreSQL with one meaning."""
