"""Find out why a generation failed, from its facts and its exception.

``diagnose`` is the entry point; it combines the analysis of the exception (``exception_analysis``), its
message (``messages``), and the step that the failure came from (``triggers``). ``content`` removes
requests and answers from texts that must not quote them.
"""
