"""Answers about new photos, and exported models."""
