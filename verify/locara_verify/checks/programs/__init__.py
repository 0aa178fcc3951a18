"""What the programs beside an app can reach, what hostile bytes make of them, and how their calls end."""
