"""`locara-registry`: one file per verb, imported when it is called."""
