"""Backbones as slim functions, the two heads on them, and their pretrained weights."""
