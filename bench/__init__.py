"""Benchmarks that print the README's figures, each on a stack of its own in a temporary folder."""
