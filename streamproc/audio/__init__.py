"""Audio: fetch the encoded clip, decode it within limits, resample it to what the model hears."""
