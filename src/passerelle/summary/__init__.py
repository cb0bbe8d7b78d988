"""What must the next clinician know? The PS-CA document made from the record."""
