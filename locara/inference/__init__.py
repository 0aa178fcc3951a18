"""Inference behind one small interface: chat (streamed, cancellable, under a schema) and embeddings."""
