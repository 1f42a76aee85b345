"""Faust's classes, replaced."""
