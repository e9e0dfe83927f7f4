"""`make demo`: three hubs on this machine, linked, one of them killed and started again, until all are equal."""
