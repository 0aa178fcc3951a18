"""Updates under attack: repositories made for it, lists of revocations, and what follows from them."""
