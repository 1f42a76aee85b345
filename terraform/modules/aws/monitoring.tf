locals {
  namespace = "streamproc/${var.name}"
}

resource "aws_sns_topic" "alarms" {
  for_each = toset(["page", "ticket"])

  name              = "${var.name}-${each.key}"
  kms_master_key_id = aws_kms_key.this.arn
  tags              = local.tags
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = merge([
    for urgency, urls in var.alarm_receivers : { for url in urls : "${urgency} ${url}" => { urgency = urgency, url = url } }
  ]...)

  topic_arn = aws_sns_topic.alarms[each.value.urgency].arn
  protocol  = "https"
  endpoint  = each.value.url
}

resource "aws_cloudwatch_metric_alarm" "of_streamproc" {
  for_each = var.topology.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = local.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.where
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison == "above" ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.silence
  alarm_actions       = [aws_sns_topic.alarms[each.value.urgency].arn]
  ok_actions          = [aws_sns_topic.alarms[each.value.urgency].arn]
  tags                = local.tags
}

locals {
  # What AWS says of the parts that are not ours.
  brokers = length(var.network.subnet_ids) * var.kafka.brokers_per_subnet

  alarms_of_aws = merge(local.alarms_of_volumes, local.alarms_of_registry, {
    kafka_offline = {
      meaning    = "partitions have no leader: nobody reads or writes them"
      namespace  = "AWS/Kafka"
      metric     = "OfflinePartitionsCount"
      dimensions = { "Cluster Name" = var.name }
      above      = 0
      urgency    = "page"
    }
    rotation = {
      meaning    = "a password could not be rotated"
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = { FunctionName = "${var.name}-rotation" }
      above      = 0
      urgency    = "ticket"
    }
  })

  alarms_of_registry = {
    for name in keys(local.registry_each) : "${name}_gone" => {
      meaning    = "no schema registry runs: no worker starts, or learns of a schema"
      namespace  = "ECS/ContainerInsights"
      metric     = "RunningTaskCount"
      dimensions = { ClusterName = var.name, ServiceName = "${var.name}-${name}" }
      below      = 1
      urgency    = "page"
    }
  }

  alarms_of_volumes = {
    for broker in range(1, local.brokers + 1) : "kafka_disk_${broker}" => {
      meaning    = "the volume of broker ${broker} is nearly full"
      namespace  = "AWS/Kafka"
      metric     = "KafkaDataLogsDiskUsed"
      dimensions = { "Cluster Name" = var.name, "Broker ID" = tostring(broker) }
      above      = 80
      urgency    = "page"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "of_aws" {
  for_each = local.alarms_of_aws

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Maximum"
  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = try(each.value.below, each.value.above)
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = can(each.value.below) ? "breaching" : "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms[each.value.urgency].arn]
  ok_actions          = [aws_sns_topic.alarms[each.value.urgency].arn]
  tags                = local.tags
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for index, metric in sort(keys(var.topology.metrics)) : {
        type   = "metric"
        x      = index % 3 * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = metric
          region  = var.region
          period  = 60
          stat    = var.topology.metrics[metric].kind == "counter" ? "Sum" : "Maximum"
          metrics = [[local.namespace, metric]]
          annotations = {
            horizontal = [for alarm in values(var.topology.alarms) : { label = alarm.meaning, value = alarm.threshold } if alarm.metric == metric && length(alarm.where) == 0]
          }
        }
      }
    ]
  })
}
