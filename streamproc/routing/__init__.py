"""Which model scores what: told by operators while workers run, split by learner, guarded, watched for drift."""
