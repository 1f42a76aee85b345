"""Inference: from samples to the model's logits, asynchronously and bounded in flight."""

import os

# gRPC's core writes of every failed handshake to standard error, in lines that are no log of ours; what it knows is in
# the errors that it raises. It reads this when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
