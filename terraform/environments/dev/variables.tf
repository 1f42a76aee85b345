# What differs from account to account; modules/aws checks the values. terraform.tfvars holds them, the secret ones
# come from the environment (TF_VAR_initial_passwords).

variable "account_id" {
  description = "Account of this environment."
  type        = string
}

variable "region" {
  description = "Region of this environment."
  type        = string
}

variable "network" {
  description = "The network that is there."
  type = object({
    vpc_id          = string
    subnet_ids      = list(string)
    route_table_ids = list(string)
  })
}

variable "registry" {
  description = "The schema registry that is there; null: registry_service."
  type = object({
    url               = string
    port              = number
    security_group_id = string
  })
  default = null
}

variable "registry_service" {
  description = "The schema registry that is made: its image, and the secrets of its certificate and authority. The topology has a user for it."
  type = object({
    image                     = string
    certificate_secret_arn    = string
    authority_secret_arn      = string
    client_security_group_ids = optional(set(string), [])
  })
  default = null
}

variable "initial_passwords" {
  description = "First passwords of Kafka's users; rotated at once."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
}

variable "worker_image_digest" {
  description = "Digest of the worker's image, as a release made it."
  type        = string
}

variable "triton" {
  description = "Triton's image, and the secrets of its certificate and authority."
  type = object({
    image                  = string
    certificate_secret_arn = string
    authority_secret_arn   = string
  })
}

variable "collector_image" {
  description = "The OpenTelemetry collector's image."
  type        = string
}

variable "alarm_receivers" {
  description = "Who hears alarms."
  type = object({
    page   = list(string)
    ticket = list(string)
  })
}

variable "ci" {
  description = "GitHub's repository, and the account's OIDC provider for it."
  type = object({
    repository        = string
    oidc_provider_arn = string
  })
}
