"""Families of words that rules are made of: who failed, what was wanted, how long it took.

A rule reads "one of these did one of those", so that it holds for sentences nobody
collected. All are regular expressions over lower-case text, without groups of their own.
"""

from __future__ import annotations

from typing import Final

#: Providers and what runs their models.
PROVIDER_NAME: Final = (
    r"(?:openai|anthropic|gemini|vertex(?: ai)?|bedrock|mistral|cohere|ollama|vllm|groq|openrouter"
    r"|deepseek|together(?: ai)?|fireworks|replicate|hugging ?face|perplexity|azure[ -]openai|google|litellm|llama[\w.]*"
    r"|claude|chatgpt|gpt-?[\w.]*)"
)
#: The model, however people call it.
MODEL: Final = (
    rf"(?:{PROVIDER_NAME}|models?|llms?|a\.?i|agent|assistant|providers?|inference|upstream|backend|gateway"
    r"|completions?|endpoint)"
)
#: What the model was to write.
OUTPUT: Final = (
    r"(?:model|llm|assistant|agent|response|output|reply|answer|completion|message(?! body)|plan|result|project|manifest"
    r"|json|html|payload|app|page|report|document|component|bundle|generation|structure|draft|outline)s?"
)
#: A length of time in figures: ``90s``, ``5 minutes``; not ``per 60 s``.
TIME_SPAN: Final = r"(?<!per )(?:\d[\d.,_]{0,12}|\b(?:one|two|three|four|five|six|ten|fifteen|twenty|thirty|sixty|ninety|several|many|a few|half an?|an?))[ -]?(?:s|ms|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|milliseconds?)\b"
#: A refusal or an absence in front of a verb: ``did not``, ``can't``, ``unable to``.
UNABLE: Final = r"(?:could not|couldn't|cannot|can not|can't|failed to|unable to|did not|didn't|was not able to)"
