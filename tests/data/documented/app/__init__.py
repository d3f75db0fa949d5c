"""The application that the commands of the pages are run on."""
