"""`python -m benchmarks`: what the hub does on this machine, each figure beside a limit taken in the same run.

Absolute figures change with the machine and with what else runs on it; the ratios are what is watched. Nothing here
fails because something was slow. Every server is a process of its own on a home of its own, which is removed again.
"""
