variable "name" {
  description = "Prefix of every name, such as streamproc-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name))
    error_message = "name: 3 to 24 small letters, digits and dashes, a letter first, not '${var.name}'."
  }
}

variable "account_id" {
  description = "Account that everything is made in."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: twelve digits, not '${var.account_id}'."
  }
}

variable "region" {
  description = "Region that everything is made in."
  type        = string

  validation {
    condition = contains([
      "af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1",
      "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1",
      "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "sa-east-1",
      "us-east-1", "us-east-2", "us-west-1", "us-west-2",
    ], var.region)
    error_message = "region: '${var.region}' is no region that is known here."
  }
}

variable "network" {
  description = "The network that is there: its VPC, at least two private subnets in zones of their own, and their route tables."
  type = object({
    vpc_id          = string
    subnet_ids      = list(string)
    route_table_ids = list(string)
  })

  validation {
    condition     = can(regex("^vpc-[0-9a-f]+$", var.network.vpc_id))
    error_message = "network: vpc_id is like vpc-0a1b2c, not '${var.network.vpc_id}'."
  }

  validation {
    condition     = length(distinct(var.network.subnet_ids)) >= 2 && alltrue([for id in var.network.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))])
    error_message = "network: subnet_ids are at least two, each like subnet-0a1b2c, not ${jsonencode(var.network.subnet_ids)}."
  }

  validation {
    condition     = length(var.network.route_table_ids) >= 1 && alltrue([for id in var.network.route_table_ids : can(regex("^rtb-[0-9a-f]+$", id))])
    error_message = "network: route_table_ids are at least one, each like rtb-0a1b2c, not ${jsonencode(var.network.route_table_ids)}."
  }
}

variable "topology" {
  description = "The module topology, whole."
  type = object({
    topics            = map(object({ partitions = number }))
    users             = set(string)
    workers           = set(string)
    registries        = set(string)
    worker_settings   = map(string)
    registry_settings = map(string)
    metrics           = map(object({ kind = string, unit = string, meaning = string }))
    alarms = map(object({
      meaning    = string
      metric     = string
      statistic  = string
      comparison = string
      threshold  = number
      period     = number
      periods    = number
      silence    = string
      urgency    = string
      where      = map(string)
    }))
  })

  validation {
    condition     = length(var.topology.workers) == 1
    error_message = "topology: one user is a worker here; there are ${length(var.topology.workers)}."
  }
}

variable "registry" {
  description = "A schema registry that is there: its URL, and the security group that lets workers in on `port`. null: `registry_service`."
  type = object({
    url               = string
    port              = number
    security_group_id = string
  })

  default = null

  validation {
    condition     = var.registry == null || startswith(try(var.registry.url, ""), "https://")
    error_message = "registry: url begins with https://, not '${try(var.registry.url, "")}'."
  }

  validation {
    condition     = (var.registry == null) != (var.registry_service == null)
    error_message = "registry, registry_service: one of the two, a registry that is there or one that is made."
  }
}

variable "registry_service" {
  description = "Apicurio Registry 3.0, which `streamproc local` has too, to be made: image by digest, how many tasks, CPU units and MiB of Fargate, the secrets that hold its certificate (JSON: certificate, key; for registry.NAME.internal) and its authority (PEM), and security groups of others that may ask it. The topology has a user with the role registry. null: `registry`."
  type = object({
    image                     = string
    tasks                     = optional(number, 2)
    cpu                       = optional(number, 512)
    memory                    = optional(number, 1024)
    certificate_secret_arn    = string
    authority_secret_arn      = string
    client_security_group_ids = optional(set(string), [])
  })
  default = null

  validation {
    condition     = var.registry_service == null || can(regex("^[^/]+/[^@:]+@sha256:[0-9a-f]{64}$", var.registry_service.image))
    error_message = "registry_service: image is registry/repository@sha256:… with its digest, not '${try(var.registry_service.image, "")}': a tag can be moved."
  }

  validation {
    condition     = var.registry_service == null || try(contains(range(1, 11), var.registry_service.tasks), false)
    error_message = "registry_service: tasks is 1 to 10, not ${try(var.registry_service.tasks, 0)}."
  }

  validation {
    condition     = var.registry_service == null || try(contains([512, 1024, 2048, 4096], var.registry_service.cpu) && var.registry_service.memory >= 2 * var.registry_service.cpu && var.registry_service.memory <= 8 * var.registry_service.cpu, false)
    error_message = "registry_service: cpu is 512, 1024, 2048 or 4096, and memory 2 to 8 MiB for each unit; not ${try(var.registry_service.cpu, 0)} and ${try(var.registry_service.memory, 0)}."
  }

  validation {
    condition     = var.registry_service == null || alltrue([for arn in try([var.registry_service.certificate_secret_arn, var.registry_service.authority_secret_arn], []) : can(regex("^arn:aws[a-z-]*:secretsmanager:", arn))])
    error_message = "registry_service: certificate_secret_arn and authority_secret_arn are ARNs of secrets."
  }

  validation {
    condition     = alltrue([for id in try(var.registry_service.client_security_group_ids, []) : can(regex("^sg-[0-9a-f]+$", id))])
    error_message = "registry_service: client_security_group_ids are like sg-0a1b2c, not ${jsonencode(try(var.registry_service.client_security_group_ids, []))}."
  }

  validation {
    condition     = length(var.topology.registries) == (var.registry_service == null ? 0 : 1)
    error_message = "registry_service: the topology has one user with the role registry where it is made, and none where it is not; there are ${length(var.topology.registries)}."
  }
}

variable "initial_passwords" {
  description = "User -> first password, which is rotated at once; in no state and no plan: TF_VAR_initial_passwords."
  type        = map(string)
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = alltrue([for user in var.topology.users : length(lookup(var.initial_passwords, user, "")) >= 12])
    error_message = "initial_passwords: every user of the topology has one, of at least 12 characters (TF_VAR_initial_passwords)."
  }
}

variable "rotation_days" {
  description = "Days after which passwords are rotated."
  type        = number
  default     = 30

  validation {
    condition     = var.rotation_days >= 1 && var.rotation_days <= 90
    error_message = "rotation_days: 1 to 90, not ${var.rotation_days}."
  }
}

variable "kafka" {
  description = "MSK: version, instance type, brokers for each subnet, GiB of each broker's volume, and security groups that may administer it by IAM."
  type = object({
    version                  = optional(string, "3.9.x.kraft")
    instance_type            = optional(string, "kafka.m7g.large")
    brokers_per_subnet       = optional(number, 1)
    volume_gib               = optional(number, 500)
    admin_security_group_ids = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = var.kafka.brokers_per_subnet >= 1 && var.kafka.brokers_per_subnet <= 10
    error_message = "kafka: brokers_per_subnet is 1 to 10, not ${var.kafka.brokers_per_subnet}."
  }

  validation {
    condition     = var.kafka.volume_gib >= 10 && var.kafka.volume_gib <= 16384
    error_message = "kafka: volume_gib is 10 to 16384, not ${var.kafka.volume_gib}."
  }

  validation {
    condition     = startswith(var.kafka.instance_type, "kafka.")
    error_message = "kafka: instance_type is like kafka.m7g.large, not '${var.kafka.instance_type}'."
  }
}

variable "worker" {
  description = "Workers: digest of their image, CPU units and MiB of Fargate, how many, backlog that one more is for, seconds that the oldest record may wait before there are more, and further STREAMPROC_ settings."
  type = object({
    image_digest       = string
    cpu                = optional(number, 1024)
    memory             = optional(number, 2048)
    min                = optional(number, 2)
    max                = optional(number, 12)
    backlog_per_worker = optional(number, 200)
    oldest_age         = optional(number, 30)
    settings           = optional(map(string), {})
  })

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.worker.image_digest))
    error_message = "worker: image_digest is sha256: and 64 hexadecimal digits, not '${var.worker.image_digest}': a tag can be moved."
  }

  validation {
    condition     = contains(keys({ 512 = 1, 1024 = 1, 2048 = 1, 4096 = 1, 8192 = 1 }), tostring(var.worker.cpu)) && var.worker.memory >= 2 * var.worker.cpu && var.worker.memory <= 8 * var.worker.cpu
    error_message = "worker: cpu is 512, 1024, 2048, 4096 or 8192, and memory 2 to 8 MiB for each unit; not ${var.worker.cpu} and ${var.worker.memory}."
  }

  validation {
    condition     = var.worker.oldest_age >= 1 && var.worker.oldest_age <= 3600
    error_message = "worker: oldest_age is 1 to 3600 seconds, not ${var.worker.oldest_age}."
  }

  validation {
    condition     = var.worker.min >= 1 && var.worker.max >= var.worker.min
    error_message = "worker: min is at least 1 and max at least min, not ${var.worker.min} and ${var.worker.max}."
  }

  validation {
    condition     = alltrue([for name in keys(var.worker.settings) : startswith(name, "STREAMPROC_") && !strcontains(name, "PASSWORD") && !strcontains(name, "TOKEN")])
    error_message = "worker: settings are STREAMPROC_ variables and hold no password or token; wrong: ${join(", ", [for name in keys(var.worker.settings) : name if !startswith(name, "STREAMPROC_") || strcontains(name, "PASSWORD") || strcontains(name, "TOKEN")])}."
  }
}

variable "triton" {
  description = "Triton: image with its model repository, by digest, GPU instance type, how many, seconds of waiting audio that one more is for, and the secrets that hold its certificate (JSON: certificate, key) and its authority (PEM)."
  type = object({
    image                  = string
    instance_type          = optional(string, "g5.xlarge")
    min                    = optional(number, 1)
    max                    = optional(number, 4)
    waiting_per_server     = optional(number, 30)
    certificate_secret_arn = string
    authority_secret_arn   = string
  })

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.triton.image))
    error_message = "triton: image ends with its digest, @sha256:…, not '${var.triton.image}': a tag can be moved."
  }

  validation {
    condition     = can(regex("^(g4dn|g5|g6|g6e|p4d|p5)\\.", var.triton.instance_type))
    error_message = "triton: instance_type has an NVIDIA GPU (g4dn, g5, g6, g6e, p4d, p5), not '${var.triton.instance_type}'."
  }

  validation {
    condition     = var.triton.min >= 1 && var.triton.max >= var.triton.min
    error_message = "triton: min is at least 1 and max at least min, not ${var.triton.min} and ${var.triton.max}."
  }

  validation {
    condition     = alltrue([for arn in [var.triton.certificate_secret_arn, var.triton.authority_secret_arn] : can(regex("^arn:aws[a-z-]*:secretsmanager:", arn))])
    error_message = "triton: certificate_secret_arn and authority_secret_arn are ARNs of secrets; children's recordings are not sent in plaintext."
  }
}

variable "collector_image" {
  description = "OpenTelemetry collector for AWS, by digest: it takes the workers' metrics to CloudWatch."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.collector_image))
    error_message = "collector_image: ends with its digest, @sha256:…, not '${var.collector_image}': a tag can be moved."
  }
}

variable "recordings_days" {
  description = "Days after which recordings behind claim checks are deleted; not before activities leave their topic."
  type        = number
  default     = 14

  validation {
    condition     = var.recordings_days >= 7 && var.recordings_days <= 365
    error_message = "recordings_days: 7, as long as activities are kept, to 365, not ${var.recordings_days}."
  }
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 90

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400], var.log_days)
    error_message = "log_days: 30, 60, 90, 120, 150, 180, 365 or 400, not ${var.log_days}."
  }
}

variable "alarm_receivers" {
  description = "Who hears alarms: HTTPS endpoints for page and for ticket."
  type = object({
    page   = list(string)
    ticket = list(string)
  })

  validation {
    condition     = length(var.alarm_receivers.page) > 0 && alltrue([for url in concat(var.alarm_receivers.page, var.alarm_receivers.ticket) : startswith(url, "https://")])
    error_message = "alarm_receivers: page has at least one, and each begins with https://."
  }
}

variable "ci" {
  description = "The GitHub repository (owner/name) and environment whose workflows may push images and roll them out, and the account's OIDC provider for GitHub."
  type = object({
    repository        = string
    environment       = string
    oidc_provider_arn = string
  })

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.ci.repository)) && can(regex("^[A-Za-z0-9_-]+$", var.ci.environment))
    error_message = "ci: repository is owner/name and environment one name, without wildcards; not '${var.ci.repository}' and '${var.ci.environment}'."
  }
}
