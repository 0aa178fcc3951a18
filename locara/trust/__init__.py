"""Where an app came from, that it was verified, that nobody swapped a part, and that it was not recalled."""
