"""Who are our invented people? A seeded population of Canada for the demo, tests and benchmarks."""
