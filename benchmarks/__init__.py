"""Speed claims of the README, each as a ratio in one run: python -m benchmarks.NAME --help."""
