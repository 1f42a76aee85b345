variable "bootstrap_servers_iam" {
  description = "The output of the same name of ../."
  type        = string

  validation {
    condition     = can(regex("^[^:,]+:[0-9]+(,[^:,]+:[0-9]+)*$", var.bootstrap_servers_iam))
    error_message = "bootstrap_servers_iam: host:port, separated by commas, not '${var.bootstrap_servers_iam}'."
  }
}

variable "region" {
  description = "Region of the cluster."
  type        = string

  validation {
    condition     = alltrue([for server in split(",", var.bootstrap_servers_iam) : strcontains(server, ".${var.region}.amazonaws.com:")])
    error_message = "region: the brokers are not in '${var.region}': ${var.bootstrap_servers_iam}."
  }
}
