# A Kafka that is there, with an app that publishes, and two services that read results, each with its own group and
# quota, while results move from version 1 to version 2.

provider "kafka" {
  bootstrap_servers = ["kafka.example.org:9093"]
  tls_enabled       = true
  sasl_mechanism    = "scram-sha512"
  sasl_username     = "terraform"
  sasl_password     = var.login_password
}

module "topology" {
  source = "../../modules/topology"

  partitions    = 24
  result_majors = [1, 2]
  users = {
    worker  = { role = "worker" }
    app     = { role = "publisher" }
    reports = { role = "subscriber", group = "reports" }
    badges  = { role = "subscriber", group = "badges" }
    on_call = { role = "operator" }
  }
  quotas = {
    publisher  = { producer_byte_rate = 52428800, consumer_byte_rate = 1048576 }
    subscriber = { producer_byte_rate = 1048576, consumer_byte_rate = 10485760 }
  }
}

module "kafka" {
  source = "../../modules/kafka"

  topics    = module.topology.topics
  acls      = module.topology.acls
  users     = module.topology.users
  quotas    = module.topology.quotas
  passwords = var.passwords
}
