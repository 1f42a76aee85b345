"""What a deployment is made of, for Terraform and for those who plan one: from the tables that the code itself uses."""
