"""The processes that replays run in: started, guarded, forked from a template, ended."""
