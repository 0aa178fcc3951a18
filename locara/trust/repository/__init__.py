"""What a registry says, by TUF: fetched in the background, verified, kept whole, and read without a network."""
