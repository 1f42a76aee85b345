# After ../: topics and permissions on the cluster that it made, by IAM, from where the cluster can be reached.

provider "kafka" {
  bootstrap_servers = split(",", var.bootstrap_servers_iam)
  tls_enabled       = true
  sasl_mechanism    = "aws-iam"
  sasl_aws_region   = var.region
}

module "topology" {
  source = "../../../modules/topology"

  partitions = 24
}

module "kafka" {
  source = "../../../modules/kafka"

  topics = module.topology.topics
  acls   = module.topology.acls
  quotas = module.topology.quotas
  # MSK takes its users from Secrets Manager.
}
