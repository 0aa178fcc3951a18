"""The pure part of Locara: what a manifest says, what it grants, and every decision. No input or output."""
