"""What the sources of a frontend use of Locara, held against what the manifest opens. Nothing is run."""
