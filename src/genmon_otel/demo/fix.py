"""The fix that the demo puts into its app builder: this function's source, and a call of it."""

import re


def unfenced(answer: str) -> str:
    """The JSON object in an answer, whatever the model wrote around it."""
    found = re.search(r"\{.*\}", answer, flags=re.S)
    return found[0] if found else answer
