"""Links to other hubs: whom this hub dials or is dialled by, how they become and stay equal, what waits for them."""
