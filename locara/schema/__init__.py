"""The published JSON Schema of ``locara.json``, generated from the models in `locara.core`."""
