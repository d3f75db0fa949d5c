"""The demo: an app builder, a loopback model server, and the loop closing."""
