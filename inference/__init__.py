"""Predictions for new photos, and exported models."""
