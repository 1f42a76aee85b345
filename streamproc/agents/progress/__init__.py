"""How each learner gets on: kept beside the activities, told with each result, corrected by teachers."""
