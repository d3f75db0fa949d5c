"""One replay, in its own process: time, chance, inputs, and the recorded answers."""
