"""What went wrong in a generation that failed, found on its facts and its exception.

``diagnose`` is the way in; it combines what the exception tells (``exception_analysis``), in which
words (``messages``), and the step that it came from (``triggers``). ``content`` hides what was asked
and answered from texts that must not quote it.
"""
