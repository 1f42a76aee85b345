"""The images as they are released: built, looked at, and run on a real Docker engine."""
