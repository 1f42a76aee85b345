"""Models that come and go while activities come, workers are killed, and commands are."""
