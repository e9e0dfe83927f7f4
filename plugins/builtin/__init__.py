"""Handlers that come with the hub. They use what any plugin may use, and nothing else."""
