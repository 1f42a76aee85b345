"""What is known of the event that is being worked on: whose it is, for the log, and its trace. No I/O, no SDK."""
