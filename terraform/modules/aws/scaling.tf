# Workers follow the backlog, Tritons the audio that waits for one: what the work itself says, not the load of a CPU.

locals {
  scaled = {
    worker = {
      service = aws_ecs_service.worker.name
      min     = var.worker.min
      max     = var.worker.max
      metric  = "streamproc_transport_unfinished"
      target  = var.worker.backlog_per_worker
    }
    triton = {
      service = aws_ecs_service.triton.name
      min     = var.triton.min
      max     = var.triton.max
      metric  = "streamproc_inference_waiting"
      target  = var.triton.waiting_per_server
    }
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
  for_each = local.scaled

  name               = "${var.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.service[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.service[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.service[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = 60
    scale_in_cooldown  = 600 # Each worker that leaves moves partitions; a lull between two lessons is no evening.

    customized_metric_specification {
      metrics {
        id          = "each"
        label       = "for each that runs"
        expression  = "total / running"
        return_data = true
      }
      metrics {
        id          = "total"
        return_data = false
        metric_stat {
          stat = "Sum"
          metric {
            namespace   = local.namespace
            metric_name = each.value.metric
          }
        }
      }
      metrics {
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
              value = each.value.service
            }
          }
        }
      }
    }
  }
}
