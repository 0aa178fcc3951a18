"""Inference behind small interfaces: chat (streamed, cancellable, under a schema), embeddings, speech to text."""
