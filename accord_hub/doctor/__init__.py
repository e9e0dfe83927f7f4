"""`manage.py doctor`: what is wrong with this installation, and how to mend it. Reads, and changes nothing.

| module | what it looks at |
|---|---|
| `findings.py` | what a finding is, and in which order checks are made |
| `places.py` | the home, its keys and leftovers, disks |
| `program.py` | Python, packages, migrations |
| `stored.py` | the database, trees, the ledger, the audit log, backups |
| `outside.py` | address, proxy and TLS, clock, links, plugins, finding other hubs |
"""
