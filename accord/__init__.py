"""The Accord protocol, version 1, as a library: pure functions and sans-IO machines over bytes.

Standard library, cryptography, PyNaCl and orjson only. No Django, no sockets, no clock, no threads: whoever calls gives
the time and carries the bytes. The contract is docs/protocol.md.
"""
