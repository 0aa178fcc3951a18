"""The window of pywebview, with its own channel taken out and ours in its place. On macOS and Windows it is the window;
on Linux it is there to be tested."""
