# What the topics, permissions and alarms are; no provider, so this runs everywhere.

run "defaults" {
  command = plan

  assert {
    condition = toset(keys(output.topics)) == toset([
      "reading.activity.v1", "reading.activity.v1.dlq", "reading.activity.v1.dlq.audit", "reading.activity.v1.dlq.ledger",
      "reading.activity.v1.dlq.parked", "reading.result.v1", "streamproc.control.v1",
    ])
    error_message = "the topics are ${join(", ", keys(output.topics))}"
  }

  assert {
    condition     = output.topics["reading.activity.v1"].config["retention.ms"] == "604800000" && output.topics["reading.result.v1"].config["retention.ms"] == "2592000000"
    error_message = "contracts keep activities for 7 days and results for 30"
  }

  assert {
    condition     = alltrue([for topic in values(output.topics) : topic.partitions == (lookup(topic.config, "cleanup.policy", "") == "compact" ? 1 : 12)])
    error_message = "compacted topics have one partition, whatever the others have"
  }

  assert {
    condition     = output.topics["reading.activity.v1.dlq.ledger"].config["cleanup.policy"] == "compact"
    error_message = "the ledger must be compacted"
  }

  assert {
    condition     = output.topics["reading.activity.v1.dlq.audit"].config["retention.ms"] == "-1"
    error_message = "the audit is kept for ever"
  }

  assert {
    condition     = alltrue([for topic in values(output.topics) : topic.config["min.insync.replicas"] == "2" && topic.replication_factor == 3])
    error_message = "a record has at least two replicas"
  }

  assert {
    condition     = alltrue([for acl in values(output.acls) : !contains(["All", "Any", "Alter", "AlterConfigs", "Delete", "ClusterAction"], acl.operation) && !strcontains(acl.resource_name, "*")])
    error_message = "no user may do everything, or anything to everything"
  }

  assert {
    condition = toset([for acl in values(output.acls) : "${acl.operation} ${acl.resource_type} ${acl.resource_name} ${acl.pattern}" if acl.user == "worker"]) == toset([
      "Read Topic reading.activity.v1 Literal", "Write Topic reading.result.v1 Literal", "Write Topic reading.activity.v1.dlq Literal",
      "Read Group streamproc Literal", "Write TransactionalID streamproc- Prefixed",
      "Read Topic streamproc.control.v1 Literal", "Write Topic streamproc.control.v1 Literal",
    ])
    error_message = "the worker's permissions are others"
  }

  assert {
    condition     = contains(keys(output.acls), "subscriber Read Group my-service")
    error_message = "a subscriber reads with its own group"
  }

  assert {
    condition     = toset(keys(output.quotas)) == toset(["publisher", "subscriber"])
    error_message = "publishers and subscribers have quotas, the worker has none"
  }

  assert {
    condition     = output.alarms["backlog_age"].threshold == output.objectives["outcome"].within
    error_message = "the backlog's alarm is the objective's"
  }

  assert {
    condition     = alltrue([for alarm in values(output.alarms) : contains(keys(output.metrics), alarm.metric)])
    error_message = "an alarm asks for a metric that there is not"
  }

  assert {
    condition     = output.worker_settings.STREAMPROC_KAFKA__RESULT_MAJORS == "[1]" && output.worker_settings.STREAMPROC_KAFKA__GROUP_ID == "streamproc"
    error_message = "a worker's settings do not fit the topics"
  }
}

run "a_migration_publishes_both_majors_with_the_same_permissions" {
  command = plan
  variables {
    result_majors = [1, 2]
  }

  assert {
    condition     = contains(keys(output.topics), "reading.result.v2") && contains(keys(output.acls), "worker Write Topic reading.result.v2") && contains(keys(output.acls), "subscriber Read Topic reading.result.v2")
    error_message = "version 2 of the results has no topic, or nobody may use it"
  }

  assert {
    condition     = output.worker_settings.STREAMPROC_KAFKA__RESULT_MAJORS == "[1,2]"
    error_message = "workers do not publish both"
  }
}

run "names_follow_the_group" {
  command = plan
  variables {
    group_id = "scorers"
    users    = { w1 = { role = "worker" }, billing = { role = "subscriber", group = "billing" } }
  }

  assert {
    condition     = contains(keys(output.acls), "w1 Read Group scorers") && contains(keys(output.acls), "w1 Write TransactionalID scorers-") && contains(keys(output.acls), "billing Read Group billing")
    error_message = "the permissions are of another group"
  }
}

run "retention_can_be_chosen_for_a_topic" {
  command = plan
  variables {
    retention_days = { "reading.activity.v1" = 3 }
  }

  assert {
    condition     = output.topics["reading.activity.v1"].config["retention.ms"] == "259200000" && output.topics["reading.result.v1"].config["retention.ms"] == "2592000000"
    error_message = "three days are not kept, or another topic is changed"
  }
}

run "zero_partitions" {
  command = plan
  variables {
    partitions = 0
  }
  expect_failures = [var.partitions]
}

run "half_a_partition" {
  command = plan
  variables {
    partitions = 1.5
  }
  expect_failures = [var.partitions]
}

run "no_ledger_partitions" {
  command = plan
  variables {
    ledger_partitions = 0
  }
  expect_failures = [var.ledger_partitions]
}

run "no_replicas" {
  command = plan
  variables {
    replication_factor = 0
  }
  expect_failures = [var.replication_factor]
}

run "more_in_sync_than_there_are" {
  command = plan
  variables {
    replication_factor  = 1
    min_insync_replicas = 2
  }
  expect_failures = [var.min_insync_replicas]
}

run "a_group_with_a_space" {
  command = plan
  variables {
    group_id = "my group"
  }
  expect_failures = [var.group_id]
}

run "an_unknown_major" {
  command = plan
  variables {
    result_majors = [1, 9]
  }
  expect_failures = [var.result_majors]
}

run "no_major" {
  command = plan
  variables {
    result_majors = []
  }
  expect_failures = [var.result_majors]
}

run "an_unknown_role" {
  command = plan
  variables {
    users = { worker = { role = "worker" }, boss = { role = "root" } }
  }
  expect_failures = [var.users]
}

run "a_subscriber_without_a_group" {
  command = plan
  variables {
    users = { worker = { role = "worker" }, reader = { role = "subscriber" } }
  }
  expect_failures = [var.users]
}

run "nobody_works" {
  command = plan
  variables {
    users = { publisher = { role = "publisher" } }
  }
  expect_failures = [var.users]
}

run "retention_of_no_topic" {
  command = plan
  variables {
    retention_days = { "reading.activty.v1" = 3 }
  }
  expect_failures = [var.retention_days]
}

run "retention_of_no_days" {
  command = plan
  variables {
    retention_days = { "reading.activity.v1" = 0 }
  }
  expect_failures = [var.retention_days]
}

run "retention_of_the_ledger" {
  command = plan
  variables {
    retention_days = { "reading.activity.v1.dlq.ledger" = 3 }
  }
  expect_failures = [var.retention_days]
}

run "a_quota_that_stops_the_largest_record" {
  command = plan
  variables {
    quotas = { publisher = { producer_byte_rate = 1000, consumer_byte_rate = 1048576 } }
  }
  expect_failures = [var.quotas]
}

run "a_quota_of_no_role" {
  command = plan
  variables {
    quotas = { publishers = { producer_byte_rate = 1048576, consumer_byte_rate = 1048576 } }
  }
  expect_failures = [var.quotas]
}

run "duplicates_are_remembered" {
  command = plan

  variables {
    group_id = "readers"
    features = ["duplicates"]
  }

  assert {
    condition     = output.topics["readers-duplicates-changelog"].config["cleanup.policy"] == "compact"
    error_message = "what is remembered is in a compacted topic of the group's own"
  }

  assert {
    condition     = toset([for acl in values(output.acls) : acl.operation if acl.user == "worker" && acl.resource_name == "readers-duplicates-changelog"]) == toset(["Read", "Write", "DescribeConfigs"])
    error_message = "the worker keeps its state there"
  }
}

run "features_have_their_readers_and_writers" {
  command = plan

  variables {
    features = ["progress", "corrections"]
    users = {
      worker   = { role = "worker" }
      app      = { role = "teacher" }
      reports  = { role = "subscriber", group = "reports" }
      operator = { role = "operator" }
      admin    = { role = "administrator" }
    }
  }

  assert {
    condition = toset([for acl in values(output.acls) : "${acl.user} ${acl.operation} ${acl.resource_name}" if strcontains(acl.resource_name, "progress") || strcontains(acl.resource_name, "correction")]) == toset([
      "worker Write reading.progress.v1", "worker Read streamproc-progress-changelog", "worker Write streamproc-progress-changelog",
      "worker DescribeConfigs streamproc-progress-changelog", "worker Read reading.correction.v1", "worker Write reading.correction.v1.dlq",
      "app Write reading.correction.v1", "reports Read reading.progress.v1", "operator Read reading.correction.v1",
      "admin Create streamproc-progress-changelog",
    ])
    error_message = "progress and corrections are read and written by others"
  }

  assert {
    condition     = output.topics["reading.correction.v1"].partitions == output.topics["reading.activity.v1"].partitions && output.topics["streamproc-progress-changelog"].partitions == output.topics["reading.activity.v1"].partitions
    error_message = "a learner's corrections and state are in the partition of its activities"
  }
}

run "a_replay_has_names_of_its_own" {
  command = plan

  variables {
    group_id = "readers"
    users    = { worker = { role = "worker" }, again = { role = "replayer" } }
  }

  assert {
    condition = toset([for acl in values(output.acls) : "${acl.operation} ${acl.resource_type} ${acl.resource_name} ${acl.pattern}" if acl.user == "again"]) == toset([
      "Read Topic reading.activity.v1 Literal", "DescribeConfigs Topic reading.activity.v1 Literal", "Create Topic readers.replay Prefixed", "Read Topic readers.replay Prefixed",
      "Write Topic readers.replay Prefixed", "DescribeConfigs Topic readers.replay Prefixed",
      "Read Group readers.replay Prefixed", "Write TransactionalID readers.replay Prefixed",
    ])
    error_message = "a replay may do more, or less, than it must"
  }
}

run "a_feature_that_there_is_not" {
  command = plan

  variables {
    features = ["magic"]
  }

  expect_failures = [var.features]
}

run "a_registry_has_its_topics_and_no_other_s" {
  command = plan

  variables {
    users = { worker = { role = "worker" }, schemas = { role = "registry" } }
  }

  assert {
    condition     = output.registries == toset(["schemas"])
    error_message = "the registry is ${jsonencode(output.registries)}"
  }

  assert {
    condition     = output.topics["schema-registry.journal"].partitions == 1 && output.topics["schema-registry.journal"].config["retention.ms"] == "-1" && output.topics["schema-registry.journal"].config["cleanup.policy"] == "delete"
    error_message = "schemas are not kept for ever and in one order"
  }

  assert {
    condition = toset([for acl in values(output.acls) : "${acl.operation} ${acl.resource_type} ${acl.resource_name} ${acl.pattern}" if acl.user == "schemas"]) == toset([
      "Read Topic schema-registry.journal Literal", "Write Topic schema-registry.journal Literal", "Read Topic schema-registry.snapshots Literal",
      "Write Topic schema-registry.events Literal", "Read Group schema-registry- Prefixed",
    ])
    error_message = "the registry's permissions are others"
  }

  assert {
    condition = toset([for name in keys(output.topics) : name if startswith(name, "schema-registry.")]) == toset([
      for setting in ["APICURIO_KAFKASQL_TOPIC", "APICURIO_KAFKASQL_SNAPSHOTS_TOPIC", "APICURIO_EVENTS_KAFKA_TOPIC"] : output.registry_settings[setting]
    ])
    error_message = "a registry would use other topics than those that are made"
  }
}
