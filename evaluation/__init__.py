"""Evaluation of both heads: one pass over a split, then scores, files and plots."""
