"""The read API: what callers may see of the marts, and nothing else."""
