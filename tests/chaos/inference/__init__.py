"""Inference under faults: activities go on coming while servers are slow, silent, wrong, killed or certified anew.

``rig.py`` runs a worker on a real Kafka and judges it, ``gate.py`` is the faulty network, ``servers.py`` the real
Tritons that can be made to misbehave; the proofs are in ``faults.py``, ``papers.py`` and ``capacity.py``, and
``__main__.py`` runs them: ``make chaos-inference``.
"""
