variable "partitions" {
  description = "Partitions of every topic but the ledger and the control topic. More can be added later; fewer are refused. Keys move when it grows: see docs/how-to/deploy.md."
  type        = number
  default     = 12

  validation {
    condition     = var.partitions >= 1 && var.partitions <= 1000 && floor(var.partitions) == var.partitions
    error_message = "partitions: a whole number from 1 to 1000, not ${var.partitions}."
  }
}

variable "ledger_partitions" {
  description = "Partitions of the dead letters' ledger, which is compacted. Never to be changed once it is there: with moved keys an older record could be taken for the last."
  type        = number
  default     = 1

  validation {
    condition     = var.ledger_partitions >= 1 && var.ledger_partitions <= 1000 && floor(var.ledger_partitions) == var.ledger_partitions
    error_message = "ledger_partitions: a whole number from 1 to 1000, not ${var.ledger_partitions}."
  }
}

variable "replication_factor" {
  description = "Replicas of every partition."
  type        = number
  default     = 3

  validation {
    condition     = contains([1, 2, 3, 4, 5], var.replication_factor)
    error_message = "replication_factor: 1 to 5, not ${var.replication_factor}."
  }
}

variable "min_insync_replicas" {
  description = "Replicas that must have a record before it counts as written."
  type        = number
  default     = 2

  validation {
    condition     = var.min_insync_replicas >= 1 && var.min_insync_replicas <= var.replication_factor
    error_message = "min_insync_replicas: 1 to replication_factor (${var.replication_factor}), not ${var.min_insync_replicas}: no record could be written."
  }
}

variable "group_id" {
  description = "Consumer group of the workers: STREAMPROC_KAFKA__GROUP_ID."
  type        = string
  default     = "streamproc"

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]{1,200}$", var.group_id))
    error_message = "group_id: 1 to 200 letters, digits, dots, dashes and underscores, not '${var.group_id}'."
  }
}

variable "result_majors" {
  description = "Major versions of results that are published: STREAMPROC_KAFKA__RESULT_MAJORS. Two during a migration."
  type        = set(number)
  default     = [1]

  validation {
    condition     = length(var.result_majors) > 0 && alltrue([for major in var.result_majors : contains(local.known_majors, major)])
    error_message = "result_majors: some of ${join(", ", local.known_majors)}, not [${join(", ", var.result_majors)}]."
  }
}

variable "features" {
  description = "What workers are told to do besides scoring, whose topics and permissions are made: duplicates (STREAMPROC_DUPLICATES__WINDOW), progress (STREAMPROC_PROGRESS__ENABLED), corrections (STREAMPROC_PROGRESS__CORRECTIONS)."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for feature in var.features : contains(local.known_features, feature)])
    error_message = "features: some of ${join(", ", local.known_features)}, not [${join(", ", var.features)}]."
  }
}

variable "users" {
  description = "Users of Kafka by name: what each one is (worker, publisher, subscriber, follower, operator, administrator, replayer; teacher, with corrections; registry, a schema registry that keeps its schemas in Kafka), and of a subscriber its consumer group."
  type = map(object({
    role  = string
    group = optional(string)
  }))
  nullable = false
  default = {
    worker     = { role = "worker" }
    publisher  = { role = "publisher" }
    subscriber = { role = "subscriber", group = "my-service" }
    operator   = { role = "operator" }
  }

  validation {
    condition     = alltrue([for user in values(var.users) : contains(local.roles, user.role)])
    error_message = "users: a role is one of ${join(", ", local.roles)}; wrong: ${join(", ", [for name, user in var.users : "${name} (${user.role})" if !contains(local.roles, user.role)])}."
  }

  validation {
    condition     = alltrue([for user in values(var.users) : (user.role == "subscriber") == (user.group != null)])
    error_message = "users: a subscriber has a group, and no other role has one; wrong: ${join(", ", [for name, user in var.users : name if(user.role == "subscriber") != (user.group != null)])}."
  }

  validation {
    condition     = alltrue([for name in keys(var.users) : can(regex("^[a-zA-Z0-9._-]{1,64}$", name))])
    error_message = "users: a name is 1 to 64 letters, digits, dots, dashes and underscores; wrong: ${join(", ", [for name in keys(var.users) : name if !can(regex("^[a-zA-Z0-9._-]{1,64}$", name))])}."
  }

  validation {
    condition     = contains([for user in values(var.users) : user.role], "worker")
    error_message = "users: there is no worker."
  }
}

variable "retention_days" {
  description = "Topic -> days, where events are to be kept for longer or shorter than schemas/compatibility.toml says."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for topic in keys(var.retention_days) : contains(keys(local.topology.topics), topic)])
    error_message = "retention_days: there is no topic ${join(", ", setsubtract(keys(var.retention_days), keys(local.topology.topics)))}."
  }

  validation {
    condition     = alltrue([for days in values(var.retention_days) : days >= 1 && days <= 365])
    error_message = "retention_days: 1 to 365 days; wrong: ${join(", ", [for topic, days in var.retention_days : "${topic} (${days})" if days < 1 || days > 365])}."
  }

  validation {
    condition     = alltrue([for topic in keys(var.retention_days) : try(local.topology.topics[topic].config["retention.ms"], "-1") != "-1"])
    error_message = "retention_days: the ledger is compacted and the audit kept for ever; wrong: ${join(", ", [for topic in keys(var.retention_days) : topic if try(local.topology.topics[topic].config["retention.ms"], "-1") == "-1"])}."
  }
}

variable "quotas" {
  description = "Role -> bytes a second that one user may write and read on each broker. Workers and operators have none unless they stand here."
  type = map(object({
    producer_byte_rate = number
    consumer_byte_rate = number
  }))
  default = {
    publisher  = { producer_byte_rate = 20971520, consumer_byte_rate = 1048576 }
    subscriber = { producer_byte_rate = 1048576, consumer_byte_rate = 41943040 }
    follower   = { producer_byte_rate = 1048576, consumer_byte_rate = 41943040 }
  }

  validation {
    condition     = alltrue([for role in keys(var.quotas) : contains(local.roles, role)])
    error_message = "quotas: a role is one of ${join(", ", local.roles)}, not ${join(", ", setsubtract(keys(var.quotas), local.roles))}."
  }

  validation {
    condition     = alltrue([for quota in values(var.quotas) : quota.producer_byte_rate >= 1048576 && quota.consumer_byte_rate >= 1048576])
    error_message = "quotas: at least 1048576 bytes a second, the largest record; wrong: ${join(", ", [for role, quota in var.quotas : role if quota.producer_byte_rate < 1048576 || quota.consumer_byte_rate < 1048576])}."
  }
}
