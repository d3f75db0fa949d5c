"""The demo: an app builder, a loopback model server, and the cycle from failure to passing test."""
