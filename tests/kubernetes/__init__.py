"""The manifests as a cluster would get them: rendered, checked against schemas and policies."""
