"""streamproc's agents: one file an agent."""
