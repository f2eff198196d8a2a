"""Readers of official annotation files, one module per data set."""
