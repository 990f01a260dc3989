"""Every call that changes something, and what the log says of it afterwards."""
