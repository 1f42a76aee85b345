# With a provider that makes nothing: what would be asked of a Kafka. tests/terraform/test_applied.py applies it to one.

mock_provider "kafka" {}

variables {
  topics = {
    "reading.activity.v1" = { partitions = 3, replication_factor = 3, config = { "retention.ms" = "604800000" } }
  }
  acls = {
    "worker Read Topic reading.activity.v1" = {
      user = "worker", resource_type = "Topic", resource_name = "reading.activity.v1", pattern = "Literal", operation = "Read"
    }
    "worker Write TransactionalID streamproc-" = {
      user = "worker", resource_type = "TransactionalID", resource_name = "streamproc-", pattern = "Prefixed", operation = "Write"
    }
  }
}

run "each_value_is_one_resource" {
  command = plan
  variables {
    users     = ["worker"]
    passwords = { worker = "not-a-real-password" }
    quotas    = { worker = { producer_byte_rate = 2000000, consumer_byte_rate = 3000000 } }
  }

  assert {
    condition     = kafka_topic.this["reading.activity.v1"].partitions == 3 && kafka_topic.this["reading.activity.v1"].config["retention.ms"] == "604800000"
    error_message = "the topic is another"
  }

  assert {
    condition     = alltrue([for acl in kafka_acl.this : acl.acl_permission_type == "Allow" && acl.acl_principal == "User:worker"])
    error_message = "permissions allow their user and nobody else"
  }

  assert {
    condition     = kafka_acl.this["worker Write TransactionalID streamproc-"].resource_pattern_type_filter == "Prefixed"
    error_message = "a worker's transactional id has an end of its own"
  }

  assert {
    condition     = kafka_user_scram_credential.this["worker"].scram_mechanism == "SCRAM-SHA-512" && kafka_user_scram_credential.this["worker"].password == null
    error_message = "a password would stand in the state"
  }

  assert {
    condition     = kafka_quota.this["worker"].config["consumer_byte_rate"] == 3000000
    error_message = "the quota is another"
  }
}

run "a_user_without_a_password" {
  command = plan
  variables {
    users = ["worker"]
  }
  expect_failures = [var.passwords]
}

run "a_permission_for_everything" {
  command = plan
  variables {
    acls = { all = { user = "worker", resource_type = "Topic", resource_name = "*", pattern = "Literal", operation = "Read" } }
  }
  expect_failures = [var.acls]
}

run "a_topic_without_partitions" {
  command = plan
  variables {
    topics = { one = { partitions = 0, replication_factor = 1, config = {} } }
  }
  expect_failures = [var.topics]
}

run "an_unknown_mechanism" {
  command = plan
  variables {
    scram_mechanism = "PLAIN"
  }
  expect_failures = [var.scram_mechanism]
}
