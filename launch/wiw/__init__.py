"""WIW: launch files, the wiw command, evaluation and reports."""
