"""Benchmarks behind the README's speed claims: python -m benchmarks, or benchmarks.NAME --help."""
