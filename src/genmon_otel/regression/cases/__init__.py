"""What a case is: its file, its trust, what a person adds to it, and where its results go."""
