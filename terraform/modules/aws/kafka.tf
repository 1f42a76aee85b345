resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(concat(["kafka", "worker", "triton", "metrics", "rotation"], keys(local.registry_each)))

  name              = "/streamproc/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this.arn
  tags              = local.tags
}

resource "aws_msk_configuration" "this" {
  name              = var.name
  kafka_versions    = [var.kafka.version]
  server_properties = <<-E
    allow.everyone.if.no.acl.found=false
    auto.create.topics.enable=false
    default.replication.factor=3
    min.insync.replicas=2
    unclean.leader.election.enable=false
    transaction.max.timeout.ms=60000
  E

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_msk_cluster" "this" {
  cluster_name           = var.name
  kafka_version          = var.kafka.version
  number_of_broker_nodes = local.brokers
  enhanced_monitoring    = "PER_TOPIC_PER_BROKER"
  tags                   = local.tags

  broker_node_group_info {
    instance_type   = var.kafka.instance_type
    client_subnets  = var.network.subnet_ids
    security_groups = [aws_security_group.this["kafka"].id]

    connectivity_info {
      public_access {
        type = "DISABLED"
      }
    }

    storage_info {
      ebs_storage_info {
        volume_size = var.kafka.volume_gib
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this.arn
    revision = aws_msk_configuration.this.latest_revision
  }

  # Workers, publishers and subscribers log in by SCRAM, administrators by IAM.
  client_authentication {
    unauthenticated = false
    sasl {
      scram = true
      iam   = true
    }
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = aws_kms_key.this.arn
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.this["kafka"].name
      }
    }
  }

  lifecycle {
    prevent_destroy = true
    # Volumes grow by themselves, below; they cannot shrink.
    ignore_changes = [broker_node_group_info[0].storage_info[0].ebs_storage_info[0].volume_size]

    precondition {
      condition     = local.brokers >= 3
      error_message = "network, kafka: three replicas need three brokers; ${length(var.network.subnet_ids)} subnets with ${var.kafka.brokers_per_subnet} each are fewer."
    }
  }
}

resource "aws_appautoscaling_target" "kafka_volume" {
  service_namespace  = "kafka"
  scalable_dimension = "kafka:broker-storage:VolumeSize"
  resource_id        = aws_msk_cluster.this.arn
  min_capacity       = 1
  max_capacity       = min(16384, 4 * var.kafka.volume_gib)
}

resource "aws_appautoscaling_policy" "kafka_volume" {
  name               = "${var.name}-kafka-volume"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.kafka_volume.service_namespace
  scalable_dimension = aws_appautoscaling_target.kafka_volume.scalable_dimension
  resource_id        = aws_appautoscaling_target.kafka_volume.resource_id

  target_tracking_scaling_policy_configuration {
    target_value     = 60
    disable_scale_in = true
    predefined_metric_specification {
      predefined_metric_type = "KafkaBrokerStorageUtilization"
    }
  }
}

# What an administrator's role needs to put topics and ACLs on the cluster (modules/kafka, by IAM).
data "aws_iam_policy_document" "kafka_administrator" {
  statement {
    sid = "Cluster"
    actions = [
      # ACLs need AlterCluster, users' quotas AlterClusterDynamicConfiguration.
      "kafka-cluster:AlterCluster", "kafka-cluster:AlterClusterDynamicConfiguration", "kafka-cluster:Connect", "kafka-cluster:DescribeCluster",
      "kafka-cluster:DescribeClusterDynamicConfiguration",
    ]
    resources = [aws_msk_cluster.this.arn]
  }

  # Neither records nor DeleteTopic: who makes topics reads no child's reading, and takes none away.
  statement {
    sid = "Topics"
    actions = [
      "kafka-cluster:AlterTopic", "kafka-cluster:AlterTopicDynamicConfiguration", "kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic",
      "kafka-cluster:DescribeTopicDynamicConfiguration",
    ]
    resources = [for topic in keys(var.topology.topics) : "${replace(aws_msk_cluster.this.arn, ":cluster/", ":topic/")}/${topic}"]
  }
}

resource "aws_iam_policy" "kafka_administrator" {
  name        = "${var.name}-kafka-administrator"
  description = "Topics and ACLs of ${var.name}"
  policy      = data.aws_iam_policy_document.kafka_administrator.json
  tags        = local.tags
}
