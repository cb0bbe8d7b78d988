"""What does a person see? Pages in English and French, rendered on the server.

Plain functions over values that return HTML text; ``pages`` is the way in. Routes, sessions and HTTP are ``node``'s.
"""
