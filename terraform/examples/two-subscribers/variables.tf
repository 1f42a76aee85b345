variable "login_password" {
  description = "Password of the user terraform: TF_VAR_login_password."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "passwords" {
  description = "User -> password: TF_VAR_passwords."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}
