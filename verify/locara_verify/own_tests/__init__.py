"""An app's own tests, run by pytest in a sandbox around them, from which they start the app in its own."""
