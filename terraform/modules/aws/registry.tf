# The schema registry, where no other is named: Apicurio Registry, whose schemas are in a topic. Every task has all of them,
# and any may go; workers find them by name and speak to them by TLS.

locals {
  has_registry  = var.registry_service != null
  registry_each = local.has_registry ? { registry = var.registry_service } : {}
  registry_user = one(var.topology.registries)
  registry_host = "registry.${aws_service_discovery_private_dns_namespace.this.name}"
  registry_url  = local.has_registry ? "https://${local.registry_host}:${local.ports.registry}/apis/ccompat/v7" : var.registry.url

  registry_settings = merge(var.topology.registry_settings, {
    APICURIO_KAFKASQL_BOOTSTRAP_SERVERS     = aws_msk_cluster.this.bootstrap_brokers_sasl_scram
    APICURIO_KAFKA_COMMON_SECURITY_PROTOCOL = "SASL_SSL"
    APICURIO_KAFKA_COMMON_SASL_MECHANISM    = "SCRAM-SHA-512"
    # Its own setting for SASL is for OAuth alone. It puts the password in itself: no definition of a task holds it.
    APICURIO_KAFKA_COMMON_SASL_JAAS_CONFIG = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"${coalesce(local.registry_user, "-")}\" password=\"$${KAFKA_PASSWORD}\";"
    # Empty unless it is said: whoever has any certificate would be taken for a broker.
    APICURIO_KAFKA_COMMON_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM = "https"

    QUARKUS_HTTP_HOST                      = "0.0.0.0"
    QUARKUS_HTTP_SSL_PORT                  = tostring(local.ports.registry)
    QUARKUS_HTTP_INSECURE_REQUESTS         = "disabled"
    QUARKUS_HTTP_SSL_CERTIFICATE_FILES     = "/run/tls/certificate.pem"
    QUARKUS_HTTP_SSL_CERTIFICATE_KEY_FILES = "/run/tls/key.pem"
  })

  registry_containers = {
    for name, registry in local.registry_each : name => [
      merge(local.certificates_writer, {
        logConfiguration = local.log_of[name]
        secrets = [
          for file, part in { FILE_CERTIFICATE_PEM = "certificate", FILE_KEY_PEM = "key" } : { name = file, valueFrom = "${registry.certificate_secret_arn}:${part}::" }
        ]
        # Both volumes are made as this image says: the registry's would leave them to root.
        mountPoints = [
          { sourceVolume = "tls", containerPath = "/run/tls", readOnly = false },
          { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
        ]
      }),
      merge(local.hardened, {
        name      = name
        image     = registry.image
        dependsOn = [{ containerName = "certificates", condition = "SUCCESS" }]
        # Its files are for the group 0, whatever the user.
        user         = "65532:0"
        environment  = [for variable, value in local.registry_settings : { name = variable, value = value }]
        secrets      = [for user in var.topology.registries : { name = "KAFKA_PASSWORD", valueFrom = "${aws_secretsmanager_secret.user[user].arn}:password::" }]
        portMappings = [{ containerPort = local.ports.registry, protocol = "tcp" }]
        # Ready: it has read the whole journal. The certificate is for its name, not for this address.
        healthCheck      = { command = ["CMD", "curl", "-fsSk", "https://127.0.0.1:${local.ports.registry}/health/ready"], interval = 15, timeout = 5, retries = 3, startPeriod = 120 }
        stopTimeout      = 30
        logConfiguration = local.log_of[name]
        mountPoints = [
          { sourceVolume = "tls", containerPath = "/run/tls", readOnly = true },
          { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
        ]
      }),
    ]
  }
}

resource "aws_service_discovery_service" "registry" {
  for_each = local.registry_each

  name = each.key
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

resource "aws_ecs_task_definition" "registry" {
  for_each = local.registry_each

  family                   = "${var.name}-registry"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  container_definitions    = jsonencode(local.registry_containers[each.key])
  tags                     = local.tags

  volume {
    name = "tls"
  }

  volume {
    name = "tmp"
  }
}

resource "aws_ecs_service" "registry" {
  for_each = local.registry_each

  name            = "${var.name}-registry"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.registry[each.key].arn
  desired_count   = each.value.tasks
  launch_type     = "FARGATE"
  tags            = local.tags

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  service_registries {
    registry_arn = aws_service_discovery_service.registry[each.key].arn
  }

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [aws_security_group.this[each.key].id]
    assign_public_ip = false
  }

  depends_on = [aws_msk_scram_secret_association.this]
}

# Who else may ask it, or register schemas: nobody by default.
resource "aws_vpc_security_group_ingress_rule" "registry_clients" {
  for_each = toset(flatten([for registry in values(local.registry_each) : tolist(registry.client_security_group_ids)]))

  description                  = "clients of the schema registry"
  security_group_id            = aws_security_group.this["registry"].id
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.ports.registry
  to_port                      = local.ports.registry
}
