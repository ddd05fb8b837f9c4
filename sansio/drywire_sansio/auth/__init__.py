"""HTTP authentication: what stands in Authorization and WWW-Authenticate (RFC 9110, 11)."""
