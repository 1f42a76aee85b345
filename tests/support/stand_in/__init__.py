"""A server that stands in for Triton where its capacity must be known, its cost nil, or its faults exact.

What it stands in for: a Triton that serves the repository's one model, over the same gRPC protocol, in a process of its
own. It runs no model. It answers with logits recorded from the real model, or with made-up ones by which a test sees
that each clip got its own. Why not the real one: two Tritons share the test machine's cores with the worker, so that
nobody could say what either can do; and a real one neither errs nor slows down on demand. What the real one says and
does is tested with the real one (tests/integration); this one copies its words.

``stand_in.py`` is the handle that tests use, ``server.py`` the process, ``station.py`` its capacity, ``answers.py`` its
logits, ``behaviour.py`` what can be switched while it runs.
"""
