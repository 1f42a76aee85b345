"""What the project is made of and how it is built: audits, lists of parts, workflows."""
