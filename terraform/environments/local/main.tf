provider "kafka" {
  bootstrap_servers = var.bootstrap_servers
  tls_enabled       = var.login != null
  ca_cert           = var.login == null ? null : file(var.login.ca_file)
  sasl_mechanism    = var.login == null ? "plain" : "scram-sha512"
  sasl_username     = var.login == null ? null : var.login.username
  sasl_password     = var.login == null ? null : var.login_password
}

module "topology" {
  source = "../../modules/topology"

  partitions          = var.partitions
  replication_factor  = 1
  min_insync_replicas = 1
  retention_days      = var.retention_days
  features            = var.features
  users               = var.users
}

module "kafka" {
  source = "../../modules/kafka"

  topics    = module.topology.topics
  acls      = var.login == null ? {} : module.topology.acls
  users     = var.login == null ? [] : module.topology.users
  quotas    = var.login == null ? {} : module.topology.quotas
  passwords = var.passwords
}
