# Who may do what: every action is written out, and where a service can name resources, they are named.

data "aws_iam_policy_document" "assume" {
  for_each = { tasks = "ecs-tasks.amazonaws.com", machines = "ec2.amazonaws.com", functions = "lambda.amazonaws.com" }

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value]
    }
    dynamic "condition" {
      # EC2 sends no source account.
      for_each = each.key == "machines" ? [] : [1]
      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.account_id]
      }
    }
  }
}

# What ECS does for a task before it runs: its image, its secrets, its log.
data "aws_iam_policy_document" "execution" {
  for_each = local.executions

  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # This action takes no resource.
  }

  statement {
    sid       = "Images"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = each.value.repositories
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = each.value.secrets
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for group in each.value.logs : "${aws_cloudwatch_log_group.this[group].arn}:*"]
  }
}

locals {
  repository_arns = "arn:aws:ecr:${var.region}:${var.account_id}:repository"

  executions = merge({
    # It writes certificates with the worker's image.
    for name, registry in local.registry_each : name => {
      repositories = [aws_ecr_repository.worker.arn, "${local.repository_arns}/${regex("^[^/]+/([^@:]+)", registry.image)[0]}"]
      secrets      = concat([registry.certificate_secret_arn], [for user in var.topology.registries : aws_secretsmanager_secret.user[user].arn])
      logs         = [name]
    }
    }, {
    worker = {
      repositories = distinct([aws_ecr_repository.worker.arn, "${local.repository_arns}/${local.repository_of.collector}"])
      secrets      = concat([aws_secretsmanager_secret.user[local.worker_user].arn], values(local.worker_authorities))
      logs         = ["worker"]
    }
    triton = {
      repositories = ["${local.repository_arns}/${local.repository_of.triton}"]
      secrets      = [var.triton.certificate_secret_arn]
      logs         = ["triton"]
    }
  })

  # registry/path/of/repository@sha256:… -> path/of/repository
  repository_of = {
    collector = regex("^[^/]+/([^@:]+)", var.collector_image)[0]
    triton    = regex("^[^/]+/([^@:]+)", var.triton.image)[0]
  }
}

resource "aws_iam_role" "execution" {
  for_each = local.executions

  name               = "${var.name}-${each.key}-execution"
  description        = "What ECS does for a ${each.key} before it runs"
  assume_role_policy = data.aws_iam_policy_document.assume["tasks"].json
  tags               = local.tags
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.executions

  name   = "execution"
  role   = aws_iam_role.execution[each.key].id
  policy = data.aws_iam_policy_document.execution[each.key].json
}

# The worker itself: recordings, and the collector beside it, which writes metrics as log events.
data "aws_iam_policy_document" "worker" {
  statement {
    sid       = "Recordings"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.recordings.arn}/*"]
  }

  # Without it an object that is not there yet looks like one that is forbidden.
  statement {
    sid       = "RecordingsThere"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.recordings.arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    sid       = "Metrics"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["metrics"].arn}:*"]
  }
}

resource "aws_iam_role" "worker" {
  name               = "${var.name}-worker"
  description        = "Workers"
  assume_role_policy = data.aws_iam_policy_document.assume["tasks"].json
  tags               = local.tags
}

resource "aws_iam_role_policy" "worker" {
  name   = "worker"
  role   = aws_iam_role.worker.id
  policy = data.aws_iam_policy_document.worker.json
}

# The machines that Tritons run on: no more than ECS' agent needs.
data "aws_iam_policy_document" "machine" {
  statement {
    sid       = "Discover"
    actions   = ["ecs:DiscoverPollEndpoint"]
    resources = ["*"] # This action takes no resource.
  }

  statement {
    sid = "Cluster"
    actions = [
      "ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance", "ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange",
      "ecs:SubmitTaskStateChange",
    ]
    resources = [aws_ecs_cluster.this.arn]
  }

  statement {
    sid       = "Instances"
    actions   = ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"]
    resources = ["arn:aws:ecs:${var.region}:${var.account_id}:container-instance/${var.name}/*"]
  }
}

resource "aws_iam_role" "machine" {
  name               = "${var.name}-triton-machine"
  description        = "Machines with GPUs"
  assume_role_policy = data.aws_iam_policy_document.assume["machines"].json
  tags               = local.tags
}

resource "aws_iam_role_policy" "machine" {
  name   = "machine"
  role   = aws_iam_role.machine.id
  policy = data.aws_iam_policy_document.machine.json
}

resource "aws_iam_instance_profile" "machine" {
  name = "${var.name}-triton-machine"
  role = aws_iam_role.machine.name
  tags = local.tags
}

data "aws_iam_policy_document" "rotation" {
  statement {
    sid = "Secrets"
    actions = [
      "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = [for secret in aws_secretsmanager_secret.user : secret.arn]
  }

  statement {
    sid       = "Passwords"
    actions   = ["secretsmanager:GetRandomPassword"]
    resources = ["*"] # This action takes no resource.
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    sid       = "Services"
    actions   = ["ecs:UpdateService"]
    resources = concat([aws_ecs_service.worker.id], values(aws_ecs_service.registry)[*].id)
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["rotation"].arn}:*"]
  }

  statement {
    sid = "Network"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"] # Lambda asks for these before it knows the interface.
    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [var.region]
    }
  }
}

resource "aws_iam_role" "rotation" {
  name               = "${var.name}-rotation"
  description        = "Rotates passwords of Kafka's users"
  assume_role_policy = data.aws_iam_policy_document.assume["functions"].json
  tags               = local.tags
}

resource "aws_iam_role_policy" "rotation" {
  name   = "rotation"
  role   = aws_iam_role.rotation.id
  policy = data.aws_iam_policy_document.rotation.json
}
