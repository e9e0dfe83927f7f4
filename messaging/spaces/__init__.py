"""Private topics: spaces, their channels, and the channels of connections (protocol.md section 7).

`chains.py` what the control messages of a space amount to, `rooms.py` who has a seat where, `connections.py` the
channel of two, `door.py` what may be stored there, `epochs.py` which epoch counts, `late.py` what goes again,
`unseated.py` spaces of nobody here, `invites.py` what a link shows, `telling.py` what sessions hear of it. The keys are
the clients'; a hub sees who writes where and when, and nothing of what.
"""
