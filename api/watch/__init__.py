"""Watching over the process: request ids, log lines, metrics for Prometheus, traces. `watching` puts them together."""
