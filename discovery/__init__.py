"""Who is out there: other hubs, found by mDNS, a port scan or the Mainline DHT, and proved by a login (section 12)."""
