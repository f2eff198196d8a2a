"""Published ImageNet weights: which there are, fetching, inspecting and restoring them."""
