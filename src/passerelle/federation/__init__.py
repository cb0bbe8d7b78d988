"""Who knows, who is silent? The directory, the question to each source, and the merge."""
