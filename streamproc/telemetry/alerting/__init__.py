"""What Prometheus is told to record and when it is to call somebody: made from the catalogue and the objectives."""
