"""The log over HTTP: static-looking C2SP resources, and questions as JSON."""
