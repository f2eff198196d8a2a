"""Reproduces the paper's tables: plans, runs, collects and writes their cells."""
