"""Dependency, domestic alternatives, the decision D0 to D8, corridors and their safeguards."""
