# Workers follow the backlog and the age of its oldest record, Tritons the audio that waits for one: what the work itself says, not the load of a CPU.

locals {
  scaled = {
    worker = {
      service = aws_ecs_service.worker.name
      min     = var.worker.min
      max     = var.worker.max
    }
    triton = {
      service = aws_ecs_service.triton.name
      min     = var.triton.min
      max     = var.triton.max
    }
  }

  # Of several of one service the one that wants most has its way. each: the sum, shared by those that run; else the worst.
  scaling_rules = {
    worker     = { of = "worker", metric = "streamproc_transport_unfinished", target = var.worker.backlog_per_worker, each = true }
    worker_age = { of = "worker", metric = "streamproc_transport_oldest_age", target = var.worker.oldest_age, each = false }
    triton     = { of = "triton", metric = "streamproc_inference_waiting", target = var.triton.waiting_per_server, each = true }
  }
}

resource "aws_appautoscaling_target" "service" {
  for_each = local.scaled

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${each.value.service}"
  min_capacity       = each.value.min
  max_capacity       = each.value.max
}

resource "aws_appautoscaling_policy" "service" {
  for_each = local.scaling_rules

  name               = "${var.name}-${replace(each.key, "_", "-")}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.service[each.value.of].service_namespace
  scalable_dimension = aws_appautoscaling_target.service[each.value.of].scalable_dimension
  resource_id        = aws_appautoscaling_target.service[each.value.of].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = 60
    scale_in_cooldown  = 600 # Each worker that leaves moves partitions; a lull between two lessons is no evening.

    customized_metric_specification {
      dynamic "metrics" {
        for_each = each.value.each ? [1] : []
        content {
          id          = "each"
          label       = "for each that runs"
          expression  = "total / running"
          return_data = true
        }
      }
      metrics {
        id          = "total"
        return_data = !each.value.each
        metric_stat {
          stat = each.value.each ? "Sum" : "Maximum"
          metric {
            namespace   = local.namespace
            metric_name = each.value.metric
          }
        }
      }
      dynamic "metrics" {
        for_each = each.value.each ? [local.scaled[each.value.of].service] : []
        content {
          id          = "running"
          return_data = false
          metric_stat {
            stat = "Average"
            metric {
              namespace   = "ECS/ContainerInsights"
              metric_name = "RunningTaskCount"
              dimensions {
                name  = "ClusterName"
                value = aws_ecs_cluster.this.name
              }
              dimensions {
                name  = "ServiceName"
                value = metrics.value
              }
            }
          }
        }
      }
    }
  }
}
