"""Inference: from samples to the model's logits, asynchronously and bounded in flight."""
