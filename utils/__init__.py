"""Leaves: modules that import nothing else of this repository."""
