# Who may speak to whom. There is no way to or from the internet: what AWS offers is reached by endpoints in the VPC.

locals {
  interface_endpoints = toset([
    "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "kms", "logs", "monitoring", "secretsmanager", "sts",
  ])

  groups = merge({ for name, _ in local.registry_each : name => "Schema registry" }, {
    worker    = "Workers"
    triton    = "Tritons"
    kafka     = "Brokers"
    endpoints = "Endpoints of AWS' services"
    rotation  = "What rotates passwords"
  })

  # from: who opens the connection, to: to whom.
  flows = merge(local.has_registry ? {
    worker_registry    = { from = "worker", to = "registry", port = local.ports.registry }
    registry_kafka     = { from = "registry", to = "kafka", port = local.ports.scram }
    registry_endpoints = { from = "registry", to = "endpoints", port = 443 }
    } : {}, {
    worker_kafka       = { from = "worker", to = "kafka", port = local.ports.scram }
    worker_triton      = { from = "worker", to = "triton", port = local.ports.triton }
    worker_endpoints   = { from = "worker", to = "endpoints", port = 443 }
    triton_endpoints   = { from = "triton", to = "endpoints", port = 443 }
    rotation_endpoints = { from = "rotation", to = "endpoints", port = 443 }
  })
}

resource "aws_security_group" "this" {
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = var.network.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.flows

  description                  = "to ${each.value.to}"
  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.flows

  description                  = "from ${each.value.from}"
  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "administrators" {
  for_each = var.kafka.admin_security_group_ids

  description                  = "administrators, by IAM"
  security_group_id            = aws_security_group.this["kafka"].id
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.ports.iam
  to_port                      = local.ports.iam
}

resource "aws_vpc_security_group_egress_rule" "registry" {
  for_each = local.has_registry ? {} : { there = var.registry }

  description                  = "to the schema registry"
  security_group_id            = aws_security_group.this["worker"].id
  referenced_security_group_id = each.value.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

moved {
  from = aws_vpc_security_group_egress_rule.registry
  to   = aws_vpc_security_group_egress_rule.registry["there"]
}

# Recordings for workers; layers of images for all, which the image registry keeps in S3.
resource "aws_vpc_security_group_egress_rule" "storage" {
  for_each = toset(concat(["worker", "triton"], keys(local.registry_each)))

  description       = "to S3"
  security_group_id = aws_security_group.this[each.key].id
  prefix_list_id    = aws_vpc_endpoint.storage.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interface_endpoints

  vpc_id              = var.network.vpc_id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.network.subnet_ids
  security_group_ids  = [aws_security_group.this["endpoints"].id]
  private_dns_enabled = true
  tags                = local.tags
}

data "aws_iam_policy_document" "storage_endpoint" {
  statement {
    sid       = "Recordings"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.recordings.arn}/*"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.worker.arn]
    }
  }

  statement {
    sid       = "Layers"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::prod-${var.region}-starport-layer-bucket/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}

resource "aws_vpc_endpoint" "storage" {
  vpc_id            = var.network.vpc_id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.network.route_table_ids
  policy            = data.aws_iam_policy_document.storage_endpoint.json
  tags              = local.tags
}
