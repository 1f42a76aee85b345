resource "kafka_topic" "this" {
  for_each = var.topics

  name               = each.key
  partitions         = each.value.partitions
  replication_factor = each.value.replication_factor
  config             = each.value.config

  lifecycle {
    # A topic that goes takes its records with it; so does one with fewer partitions, which the provider makes anew.
    prevent_destroy = true
  }
}

resource "kafka_acl" "this" {
  for_each = var.acls

  acl_principal                = "User:${each.value.user}"
  acl_host                     = "*"
  acl_operation                = each.value.operation
  acl_permission_type          = "Allow"
  resource_type                = each.value.resource_type
  resource_name                = each.value.resource_name
  resource_pattern_type_filter = each.value.pattern

  # An ACL on a topic that is not there yet would let its user be the first to make it.
  depends_on = [kafka_topic.this]
}

resource "kafka_user_scram_credential" "this" {
  for_each = var.users

  username            = each.key
  scram_mechanism     = var.scram_mechanism
  scram_iterations    = 8192
  password_wo         = var.passwords[each.key]
  password_wo_version = tostring(var.password_version)
}

resource "kafka_quota" "this" {
  for_each = var.quotas

  entity_type = "user"
  entity_name = each.key
  config = {
    producer_byte_rate = each.value.producer_byte_rate
    consumer_byte_rate = each.value.consumer_byte_rate
  }
}
