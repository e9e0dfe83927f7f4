"""Tags of the hub's own templates."""
