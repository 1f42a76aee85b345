variable "bootstrap_servers" {
  description = "Brokers to start from, each host:port."
  type        = list(string)
  default     = ["127.0.0.1:9092"]

  validation {
    condition     = length(var.bootstrap_servers) > 0 && alltrue([for server in var.bootstrap_servers : can(regex("^[^:/\\s]+:[0-9]{1,5}$", server))])
    error_message = "bootstrap_servers: a list of host:port, not ${jsonencode(var.bootstrap_servers)}."
  }
}

variable "login" {
  description = "How Terraform logs in, by SCRAM-SHA-512 and TLS; null: a Kafka that lets everybody in, such as `streamproc local up`. The password is TF_VAR_login_password."
  type = object({
    username = string
    ca_file  = string
  })
  default = null

  validation {
    condition     = var.login == null || can(file(var.login.ca_file))
    error_message = "login: ca_file is no file that can be read: ${try(var.login.ca_file, "")}."
  }
}

variable "login_password" {
  description = "Password of `login`."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = var.login == null || var.login_password != ""
    error_message = "login_password: `login` needs one (TF_VAR_login_password)."
  }
}

variable "passwords" {
  description = "User -> password, where Kafka asks for one: TF_VAR_passwords."
  type        = map(string)
  default     = {}
  sensitive   = true
  ephemeral   = true
}

variable "partitions" {
  description = "Partitions of every topic."
  type        = number
  default     = 4
}

variable "retention_days" {
  description = "Topic -> days, where they are not the contract's."
  type        = map(number)
  default     = {}
}

variable "features" {
  description = "What workers are told to do besides scoring: duplicates, progress, corrections."
  type        = set(string)
  default     = []
}

variable "users" {
  description = "Users by name, where they are not a worker, a publisher, a subscriber and an operator."
  type = map(object({
    role  = string
    group = optional(string)
  }))
  default = null
}
