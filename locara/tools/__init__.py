"""Tools: WebAssembly modules pinned by digest, each call in a store of its own, with nothing it was not given."""
