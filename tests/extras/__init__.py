"""What a user installs: wheels and extras, each in an empty environment (`make test-packages`)."""
