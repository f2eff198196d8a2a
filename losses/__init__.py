"""Softmax cross-entropy and the ranking losses that regularise it."""
