# What streamproc needs of a Kafka and of a store of metrics, as plain values. There is no provider here: the modules
# that have one make what these values say.

locals {
  # Written by `python -m streamproc.deployment.topology`; a unit test holds it to the code.
  topology = jsondecode(file("${path.module}/topology.json"))

  known_majors   = [for major in sort(distinct([for topic in values(local.topology.topics) : topic.major if topic.major > 0])) : tonumber(major)]
  known_features = sort(distinct([for topic in values(local.topology.topics) : topic.feature if topic.feature != ""]))

  roles = sort(distinct([for acl in local.topology.permissions : acl.role]))

  # Major 0: needed whatever is published. No feature: needed whatever is turned on. No role: needed whoever is there.
  wanted = {
    for name, topic in local.topology.topics : replace(name, "{group}", var.group_id) => topic
    if(topic.major == 0 || contains(var.result_majors, topic.major)) && (topic.feature == "" || contains(var.features, topic.feature)) && (topic.role == "" || contains(values(var.users)[*].role, topic.role))
  }

  topics = {
    for name, topic in local.wanted : name => {
      # The ledger that is there already keeps what it has.
      partitions         = endswith(name, ".ledger") ? var.ledger_partitions : topic.partitions > 0 ? topic.partitions : var.partitions
      replication_factor = var.replication_factor
      config = merge(
        topic.config,
        { "min.insync.replicas" = tostring(var.min_insync_replicas) },
        contains(keys(var.retention_days), name) ? { "retention.ms" = tostring(var.retention_days[name] * 24 * 3600 * 1000) } : {},
      )
    }
  }

  # A permission on a topic that is not made would allow somebody to make it their own.
  acls = {
    for acl in flatten([
      for name, user in var.users : [
        for permission in local.topology.permissions : {
          user          = name
          resource_type = permission.resource_type
          resource_name = replace(replace(permission.resource_name, "{subscriber_group}", coalesce(user.group, "-")), "{group}", var.group_id)
          pattern       = permission.pattern
          operation     = permission.operation
        }
        if permission.role == user.role && (
          permission.resource_type != "Topic" || permission.pattern == "Prefixed" || contains(keys(local.wanted), replace(permission.resource_name, "{group}", var.group_id))
        )
      ]
    ]) : "${acl.user} ${acl.operation} ${acl.resource_type} ${acl.resource_name}" => acl
  }

  quotas = { for name, user in var.users : name => var.quotas[user.role] if contains(keys(var.quotas), user.role) }
}
