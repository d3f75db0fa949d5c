"""What a run of a case shows: what answered, what its result rests on, and the verdict."""
