output "topics" {
  description = "Topic -> its partitions, replicas and settings."
  value       = local.topics
}

output "acls" {
  description = "What each user may do, by a key that says it in words; nothing else is allowed."
  value       = local.acls
}

output "users" {
  description = "Names of the users."
  value       = toset(keys(var.users))
}

output "workers" {
  description = "Names of those users that are workers."
  value       = toset([for name, user in var.users : name if user.role == "worker"])
}

output "registries" {
  description = "Names of those users that are schema registries which keep their schemas in Kafka."
  value       = toset([for name, user in var.users : name if user.role == "registry"])
}

output "registry_settings" {
  description = "Environment of such a registry, Apicurio's, that fits these topics."
  value       = local.topology.registry_settings
}

output "quotas" {
  description = "User -> bytes a second that it may write and read on each broker."
  value       = local.quotas
}

output "alarms" {
  description = "Alarm -> metric, statistic, comparison, threshold, period, periods, silence, urgency, meaning."
  value       = local.topology.alarms
}

output "metrics" {
  description = "Metric -> kind, unit, meaning."
  value       = local.topology.metrics
}

output "objectives" {
  description = "Service level objectives, by name."
  value       = local.topology.objectives
}

output "worker_settings" {
  description = "Environment of a worker that fits these topics."
  value = {
    STREAMPROC_KAFKA__GROUP_ID           = var.group_id
    STREAMPROC_KAFKA__PARTITIONS         = tostring(var.partitions)
    STREAMPROC_KAFKA__REPLICATION_FACTOR = tostring(var.replication_factor)
    STREAMPROC_KAFKA__RESULT_MAJORS      = jsonencode([for major in local.known_majors : major if contains(var.result_majors, major)])
  }
}
