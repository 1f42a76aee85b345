# Kafka's users: MSK reads their passwords from Secrets Manager, which has them rotated.

locals {
  services_of_users = merge(
    { (local.worker_user) = "${var.name}-worker" },
    { for user in var.topology.registries : user => "${var.name}-registry" },
  )
}

resource "aws_secretsmanager_secret" "user" {
  for_each = var.topology.users

  # MSK takes no secret with another prefix, nor one under AWS' own key.
  name                    = "AmazonMSK_${var.name}_${each.key}"
  description             = "Kafka's user ${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 30
  tags                    = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_secretsmanager_secret_version" "user" {
  for_each = var.topology.users

  secret_id                = aws_secretsmanager_secret.user[each.key].id
  secret_string_wo         = jsonencode({ username = each.key, password = var.initial_passwords[each.key] })
  secret_string_wo_version = 1
}

data "aws_iam_policy_document" "user" {
  for_each = var.topology.users

  statement {
    sid       = "Kafka"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.user[each.key].arn]
    principals {
      type        = "Service"
      identifiers = ["kafka.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_secretsmanager_secret_policy" "user" {
  for_each = var.topology.users

  secret_arn          = aws_secretsmanager_secret.user[each.key].arn
  policy              = data.aws_iam_policy_document.user[each.key].json
  block_public_policy = true
}

resource "aws_msk_scram_secret_association" "this" {
  cluster_arn     = aws_msk_cluster.this.arn
  secret_arn_list = [for secret in aws_secretsmanager_secret.user : secret.arn]

  depends_on = [aws_secretsmanager_secret_version.user, aws_secretsmanager_secret_policy.user]
}

resource "aws_secretsmanager_secret_rotation" "user" {
  for_each = var.topology.users

  secret_id           = aws_secretsmanager_secret.user[each.key].id
  rotation_lambda_arn = aws_lambda_function.rotation.arn
  rotate_immediately  = true

  rotation_rules {
    automatically_after_days = var.rotation_days
  }

  depends_on = [aws_lambda_permission.rotation, aws_msk_scram_secret_association.this]
}

resource "aws_lambda_function" "rotation" {
  function_name                  = "${var.name}-rotation"
  description                    = "New passwords for Kafka's users"
  role                           = aws_iam_role.rotation.arn
  runtime                        = "python3.13"
  handler                        = "rotate.handler"
  filename                       = "${path.module}/rotation/rotate.zip"
  source_code_hash               = filebase64sha256("${path.module}/rotation/rotate.zip")
  timeout                        = 60
  reserved_concurrent_executions = 2
  kms_key_arn                    = aws_kms_key.this.arn
  tags                           = local.tags

  environment {
    variables = {
      CLUSTER = var.name
      # Secret -> the service that runs as its user.
      SERVICES = jsonencode({ for user, service in local.services_of_users : aws_secretsmanager_secret.user[user].arn => service })
    }
  }

  vpc_config {
    subnet_ids         = var.network.subnet_ids
    security_group_ids = [aws_security_group.this["rotation"].id]
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this["rotation"].name
  }

  tracing_config {
    mode = "PassThrough"
  }
}

resource "aws_lambda_permission" "rotation" {
  statement_id   = "SecretsManager"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.rotation.function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = var.account_id
}
