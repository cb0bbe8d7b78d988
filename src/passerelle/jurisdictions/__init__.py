"""What does each province, territory and federal regime say? Facts as data, one file each."""
