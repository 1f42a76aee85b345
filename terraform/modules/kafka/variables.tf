variable "topics" {
  description = "Topics: the output `topics` of modules/topology."
  type = map(object({
    partitions         = number
    replication_factor = number
    config             = map(string)
  }))

  validation {
    condition     = length(var.topics) > 0 && alltrue([for topic in values(var.topics) : topic.partitions >= 1])
    error_message = "topics: each has at least one partition; wrong: ${join(", ", [for name, topic in var.topics : name if topic.partitions < 1])}."
  }
}

variable "acls" {
  description = "Permissions: the output `acls` of modules/topology."
  type = map(object({
    user          = string
    resource_type = string
    resource_name = string
    pattern       = string
    operation     = string
  }))

  validation {
    condition     = alltrue([for acl in values(var.acls) : acl.operation != "All" && acl.resource_name != "*" && acl.resource_type != "Cluster"])
    error_message = "acls: nobody may do everything, or anything to everything; wrong: ${join(", ", [for name, acl in var.acls : name if acl.operation == "All" || acl.resource_name == "*" || acl.resource_type == "Cluster"])}."
  }
}

variable "users" {
  description = "Names of users that log in by SCRAM: the output `users` of modules/topology. Empty where modules/aws makes them (MSK takes its users from Secrets Manager)."
  type        = set(string)
  default     = []
}

variable "passwords" {
  description = "User -> password. It is in no state and no plan; give it by TF_VAR_passwords."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = alltrue([for user in var.users : length(lookup(var.passwords, user, "")) >= 12])
    error_message = "passwords: every one of users has one, of at least 12 characters (TF_VAR_passwords)."
  }
}

variable "password_version" {
  description = "Raise it to have the passwords written anew: what they were is not remembered."
  type        = number
  default     = 1

  validation {
    condition     = var.password_version >= 1
    error_message = "password_version: 1 or more, not ${var.password_version}."
  }
}

variable "scram_mechanism" {
  description = "SCRAM-SHA-512 or SCRAM-SHA-256."
  type        = string
  default     = "SCRAM-SHA-512"

  validation {
    condition     = contains(["SCRAM-SHA-256", "SCRAM-SHA-512"], var.scram_mechanism)
    error_message = "scram_mechanism: SCRAM-SHA-256 or SCRAM-SHA-512, not '${var.scram_mechanism}'."
  }
}

variable "quotas" {
  description = "Bytes a second on each broker, by user: the output `quotas` of modules/topology."
  type = map(object({
    producer_byte_rate = number
    consumer_byte_rate = number
  }))
  default = {}
}
