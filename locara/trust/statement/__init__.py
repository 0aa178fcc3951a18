"""What attestations say: in-toto statements and the kinds of predicates that Locara reads and writes."""
