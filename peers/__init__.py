"""Who: user keys, accounts, certificates, the login over WebSocket, live sessions."""
