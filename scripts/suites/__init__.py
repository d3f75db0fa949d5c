"""Run a client library's own tests with genmon's patches on and off, and compare what fails."""
