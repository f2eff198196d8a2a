"""Training: the graph of a step, the loop around it, and the hooks called on the way."""
