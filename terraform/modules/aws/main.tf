locals {
  worker_user = one(var.topology.workers)
  tags        = { Project = "streamproc", Environment = var.name }

  # Kafka's listeners on MSK.
  ports = { scram = 9096, iam = 9098, triton = 8001, registry = 8443 }
}
