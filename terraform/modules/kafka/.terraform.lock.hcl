# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/mongey/kafka" {
  version     = "0.9.0"
  constraints = "~> 0.9"
  hashes = [
    "h1:hH+5mA6qRq23Rkaypx4w/vj5wY0hrKQhdUdzUHhcpl8=",
  ]
}
