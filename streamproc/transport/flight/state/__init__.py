"""State of events that are worked on at once: what they read, what they write, and when that becomes everybody's."""
