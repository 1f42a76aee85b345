module "topology" {
  source = "../../modules/topology"

  partitions = 24
}

module "aws" {
  source = "../../modules/aws"

  name              = "streamproc-prod"
  account_id        = var.account_id
  region            = var.region
  network           = var.network
  topology          = module.topology
  registry          = var.registry
  registry_service  = var.registry_service
  initial_passwords = var.initial_passwords
  worker            = { image_digest = var.worker_image_digest, min = 3, max = 24 }
  triton            = merge(var.triton, { min = 1, max = 8 })
  collector_image   = var.collector_image
  alarm_receivers   = var.alarm_receivers
  ci                = merge(var.ci, { environment = "prod" })
}
