"""The distribution's version, in a module without imports: the build reads it before anything is compiled."""

__version__ = "0.1.0"
