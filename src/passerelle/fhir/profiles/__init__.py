"""Does this resource keep the promises of its profiles? StructureDefinitions compiled to checks."""
