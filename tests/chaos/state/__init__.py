"""Tables under faults: counters, and accounts whose sum is kept, while workers are killed, stopped and frozen."""
