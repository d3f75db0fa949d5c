"""Say in words what was recorded: the same words in the terminal, on the page and in a pull request."""
