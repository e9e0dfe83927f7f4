"""Handlers of messages by type: the outbox of their jobs, the process in which they run, what they may do.

Nothing here imports Django: the process of the handlers imports this package too (child.py).
"""
