# Tritons on machines with GPUs, one on each; workers find them by name and speak to each of them by TLS.

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "${var.name}.internal"
  description = "Tritons"
  vpc         = var.network.vpc_id
  tags        = local.tags
}

resource "aws_service_discovery_service" "triton" {
  name = "triton"
  tags = local.tags

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"
    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}

resource "aws_launch_template" "triton" {
  name = "${var.name}-triton"
  # The newest of AWS' images with NVIDIA's driver, when a machine starts.
  image_id               = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id"
  instance_type          = var.triton.instance_type
  update_default_version = true
  vpc_security_group_ids = [aws_security_group.this["triton"].id]
  user_data              = base64encode("#!/bin/sh\nprintf 'ECS_CLUSTER=%s\\nECS_ENABLE_GPU_SUPPORT=true\\nECS_AWSVPC_BLOCK_IMDS=true\\n' ${var.name} >> /etc/ecs/ecs.config\n")
  tags                   = local.tags

  iam_instance_profile {
    arn = aws_iam_instance_profile.machine.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size           = 60
      volume_type           = "gp3"
      encrypted             = true
      kms_key_id            = aws_kms_key.this.arn
      delete_on_termination = true
    }
  }
}

resource "aws_autoscaling_group" "triton" {
  name                  = "${var.name}-triton"
  min_size              = var.triton.min
  max_size              = var.triton.max
  vpc_zone_identifier   = var.network.subnet_ids
  protect_from_scale_in = true # ECS ends what is empty.
  health_check_type     = "EC2"

  launch_template {
    id      = aws_launch_template.triton.id
    version = aws_launch_template.triton.latest_version
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage       = 100
      max_healthy_percentage       = 200
      scale_in_protected_instances = "Refresh"
    }
  }

  dynamic "tag" {
    for_each = merge(local.tags, { AmazonECSManaged = "true", Name = "${var.name}-triton" })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}

resource "aws_ecs_capacity_provider" "triton" {
  name = "${var.name}-triton"
  tags = local.tags

  auto_scaling_group_provider {
    auto_scaling_group_arn         = aws_autoscaling_group.triton.arn
    managed_termination_protection = "ENABLED"
    managed_draining               = "ENABLED"
    managed_scaling {
      status          = "ENABLED"
      target_capacity = 100
    }
  }
}

locals {
  triton_start = <<-E
    set -eu; umask 077
    printf '%s' "$CERTIFICATE" > /run/tls/certificate.pem; printf '%s' "$KEY" > /run/tls/key.pem; unset CERTIFICATE KEY
    exec tritonserver --model-repository=/models --exit-on-error=true --strict-readiness=true --allow-http=false \
      --grpc-port=${local.ports.triton} --grpc-use-ssl=true --grpc-server-cert=/run/tls/certificate.pem --grpc-server-key=/run/tls/key.pem
  E

  triton_containers = [
    merge(local.hardened, {
      name                 = "triton"
      image                = var.triton.image
      entryPoint           = ["/bin/sh", "-c"]
      command              = [local.triton_start]
      resourceRequirements = [{ type = "GPU", value = "1" }]
      memoryReservation    = 4096
      portMappings         = [{ containerPort = local.ports.triton, protocol = "tcp" }]
      stopTimeout          = 60
      logConfiguration     = local.log_of["triton"]
      secrets = [
        for name, part in { CERTIFICATE = "certificate", KEY = "key" } : { name = name, valueFrom = "${var.triton.certificate_secret_arn}:${part}::" }
      ]
      mountPoints = [
        { sourceVolume = "tls", containerPath = "/run/tls", readOnly = false },
        { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
      ]
    }),
  ]
}

resource "aws_ecs_task_definition" "triton" {
  family                   = "${var.name}-triton"
  requires_compatibilities = ["EC2"]
  network_mode             = "awsvpc"
  execution_role_arn       = aws_iam_role.execution["triton"].arn
  container_definitions    = jsonencode(local.triton_containers)
  tags                     = local.tags

  volume {
    name = "tls"
  }

  volume {
    name = "tmp"
  }
}

resource "aws_ecs_service" "triton" {
  name            = "${var.name}-triton"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.triton.arn
  desired_count   = var.triton.min
  tags            = local.tags

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.triton.name
    weight            = 1
  }

  placement_constraints {
    type = "distinctInstance"
  }

  service_registries {
    registry_arn = aws_service_discovery_service.triton.arn
  }

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [aws_security_group.this["triton"].id]
    assign_public_ip = false
  }

  lifecycle {
    ignore_changes = [desired_count] # It follows the audio that waits.
  }
}
