"""The mathematics and the formats of the log, after RFC 6962 and C2SP; no framework."""
