output "acls" {
  description = "What each user may do."
  value       = module.topology.acls
}

output "topics" {
  description = "Topics, with their settings."
  value       = module.topology.topics
}

output "worker_settings" {
  description = "Environment of a worker that fits these topics."
  value       = module.topology.worker_settings
}
