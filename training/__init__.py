"""Training: the graph of a step, the loop around it and what happens on the way."""
