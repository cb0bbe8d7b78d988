"""What is connected to what? Configuration, wiring, HTTP, tokens, background work, command line."""
