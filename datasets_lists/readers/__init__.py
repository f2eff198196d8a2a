"""Readers of official annotation files, one module a data set."""
