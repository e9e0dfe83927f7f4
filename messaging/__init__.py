"""What is said: the store of messages, topics, subscriptions, and the import of logs."""
