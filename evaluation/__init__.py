"""Evaluation of both heads: one pass over a split, its scores, files and pictures."""
