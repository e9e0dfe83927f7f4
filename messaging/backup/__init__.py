"""Backups of a hub: one encrypted file with the keys and every row, read while the hub runs (docs/backup.md).

| module | what is in it |
|---|---|
| `keys.py` | to whom a backup is sealed: passphrases, key pairs and how they are written |
| `container.py` | the encrypted file: header, chunks |
| `parts.py` | what is inside, piece by piece; rows of a table as bytes |
| `rows.py` | reading all tables at one moment, writing them into an empty database, roots |
| `writing.py` | making a backup |
| `restoring.py` | reading one, into a home or only to check it |
| `places.py`, `staging.py`, `comparing.py` | reading one beside the running hub, and what would change |
| `switching.py` | putting that in place |
"""
