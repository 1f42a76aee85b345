resource "aws_ecs_cluster" "this" {
  name = var.name
  tags = local.tags

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", aws_ecs_capacity_provider.triton.name]
}

locals {
  worker_settings = merge(
    var.topology.worker_settings,
    {
      STREAMPROC_KAFKA__BOOTSTRAP_SERVERS     = aws_msk_cluster.this.bootstrap_brokers_sasl_scram
      STREAMPROC_TRANSPORT__SECURITY_PROTOCOL = "sasl_ssl"
      STREAMPROC_TRANSPORT__SASL_MECHANISM    = "SCRAM-SHA-512"
      STREAMPROC_TRANSPORT__SASL_USERNAME     = local.worker_user
      STREAMPROC_REGISTRY__URL                = local.registry_url
      STREAMPROC_TRITON__URLS                 = "dns:///${aws_service_discovery_service.triton.name}.${aws_service_discovery_private_dns_namespace.this.name}:${local.ports.triton}"
      STREAMPROC_TRITON__CA_FILE              = "/run/tls/ca.pem"
      STREAMPROC_AUDIO__ALLOWED_PREFIXES      = jsonencode(["s3://${aws_s3_bucket.recordings.id}/"])
      STREAMPROC_LOG__FORMAT                  = "json"
      # The gauges are added up by the minute: each is to be in it once.
      STREAMPROC_TELEMETRY__OTLP_ENDPOINT = "http://127.0.0.1:4318/v1/metrics"
      STREAMPROC_TELEMETRY__OTLP_INTERVAL = "60"
      AWS_REGION                          = var.region
    },
    local.has_registry ? { STREAMPROC_REGISTRY__CA_FILE = "/run/tls/registry.pem" } : {},
    var.worker.settings,
  )

  hardened = {
    essential              = true
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
  }

  log_of = {
    for group in concat(["worker", "triton"], keys(local.registry_each)) : group => {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this[group].name
        awslogs-region        = var.region
        awslogs-stream-prefix = group
      }
    }
  }

  worker_image = "${aws_ecr_repository.worker.repository_url}@${var.worker.image_digest}"

  # Metrics that have labels to be told apart by have them as dimensions too, each of the others has none.
  collector = {
    receivers = { otlp = { protocols = { http = { endpoint = "127.0.0.1:4318" } } } }
    exporters = {
      awsemf = {
        namespace                            = local.namespace
        region                               = var.region
        log_group_name                       = aws_cloudwatch_log_group.this["metrics"].name
        dimension_rollup_option              = "NoDimensionRollup"
        retain_initial_value_of_delta_metric = true
        metric_declarations = [
          for metric in keys(var.topology.metrics) : {
            dimensions            = distinct(concat([[]], [for alarm in values(var.topology.alarms) : sort(keys(alarm.where)) if alarm.metric == metric]))
            metric_name_selectors = ["^${metric}$"]
          }
        ]
      }
    }
    service = { pipelines = { metrics = { receivers = ["otlp"], exporters = ["awsemf"] } } }
  }

  # A file is what certificates are read from: FILE_CA_PEM is /run/tls/ca.pem. The worker's image has Python and no shell.
  certificates_writer = merge(local.hardened, {
    name       = "certificates"
    image      = local.worker_image
    essential  = false
    entryPoint = ["python", "-c", "import os, pathlib; [pathlib.Path('/run/tls', name[5:].lower().replace('_', '.')).write_text(text) for name, text in os.environ.items() if name.startswith('FILE_')]"]
  })

  worker_authorities = merge(
    { FILE_CA_PEM = var.triton.authority_secret_arn },
    { for registry in values(local.registry_each) : "FILE_REGISTRY_PEM" => registry.authority_secret_arn },
  )

  worker_containers = [
    merge(local.certificates_writer, {
      secrets          = [for file, secret in local.worker_authorities : { name = file, valueFrom = secret }]
      mountPoints      = [{ sourceVolume = "tls", containerPath = "/run/tls", readOnly = false }]
      logConfiguration = local.log_of["worker"]
    }),
    merge(local.hardened, {
      name             = "worker"
      image            = local.worker_image
      command          = ["worker"]
      dependsOn        = [{ containerName = "certificates", condition = "SUCCESS" }, { containerName = "collector", condition = "START" }]
      environment      = [for name, value in local.worker_settings : { name = name, value = value }]
      secrets          = [{ name = "STREAMPROC_TRANSPORT__SASL_PASSWORD", valueFrom = "${aws_secretsmanager_secret.user[local.worker_user].arn}:password::" }]
      stopTimeout      = 60
      healthCheck      = { command = ["CMD", "streamproc", "health"], interval = 15, timeout = 5, retries = 3, startPeriod = 60 }
      logConfiguration = local.log_of["worker"]
      mountPoints = [
        { sourceVolume = "tls", containerPath = "/run/tls", readOnly = true },
        { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
      ]
    }),
    merge(local.hardened, {
      name             = "collector"
      image            = var.collector_image
      environment      = [{ name = "AOT_CONFIG_CONTENT", value = yamlencode(local.collector) }]
      logConfiguration = local.log_of["worker"]
    }),
  ]
}

resource "aws_ecs_task_definition" "worker" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.worker.cpu
  memory                   = var.worker.memory
  execution_role_arn       = aws_iam_role.execution["worker"].arn
  task_role_arn            = aws_iam_role.worker.arn
  container_definitions    = jsonencode(local.worker_containers)
  tags                     = local.tags

  volume {
    name = "tls"
  }

  volume {
    name = "tmp"
  }
}

resource "aws_ecs_service" "worker" {
  name                 = "${var.name}-worker"
  cluster              = aws_ecs_cluster.this.id
  task_definition      = aws_ecs_task_definition.worker.arn
  desired_count        = var.worker.min
  launch_type          = "FARGATE"
  force_new_deployment = false
  tags                 = local.tags

  # A worker that leaves gives its partitions up in order: the next one can come before.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # A release whose backlog or failures raise an alarm while it rolls is taken back.
  alarms {
    enable      = true
    rollback    = true
    alarm_names = [for alarm in ["backlog_age", "fatal", "quarantined"] : "${var.name}-${alarm}"]
  }

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [aws_security_group.this["worker"].id]
    assign_public_ip = false
  }

  lifecycle {
    ignore_changes = [desired_count] # It follows the backlog.
  }

  depends_on = [aws_msk_scram_secret_association.this, aws_cloudwatch_metric_alarm.of_streamproc]
}
