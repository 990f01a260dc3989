"""The native API of the registry: parse, call a service, print."""
