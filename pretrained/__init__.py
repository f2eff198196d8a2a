"""Published ImageNet weights: listing, fetching, inspecting and restoring them.

Downloaded checkpoints are also stored in this folder by default; git ignores them.
"""
