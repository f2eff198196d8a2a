"""Published ImageNet weights: listing, fetching, inspecting and restoring them.

The downloaded checkpoints lie in this folder too, unless another one is set; git ignores them.
"""
