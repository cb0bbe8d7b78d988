"""What does a person see? Pages in English and French, rendered on the server."""
