"""Benchmarks behind the README's speed claims: python -m benchmarks.NAME --help."""
