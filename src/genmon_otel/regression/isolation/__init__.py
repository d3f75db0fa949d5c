"""What keeps a replay from side effects: in Python by audit events, on Linux by the kernel."""
