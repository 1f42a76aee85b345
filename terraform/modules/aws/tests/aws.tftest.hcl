# What is planned, with a provider that asks nobody: rights, encryption, what is public, alarms, what cannot be destroyed.
# tests/terraform/test_plans.py asserts the same of whole environments, over all that stands in their plans.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
  }
  mock_resource "aws_security_group" {
    defaults = { id = "sg-0a1b2c3d" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/one" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/one" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/one" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::one" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = {
      arn            = "arn:aws:ecr:eu-central-1:123456789012:repository/one"
      repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/one"
    }
  }
  mock_resource "aws_msk_cluster" {
    defaults = {
      arn                          = "arn:aws:kafka:eu-central-1:123456789012:cluster/one/11111111-2222-3333-4444-555555555555-1"
      bootstrap_brokers_sasl_scram = "b-1.one:9096"
    }
  }
  mock_resource "aws_msk_configuration" {
    defaults = {
      arn             = "arn:aws:kafka:eu-central-1:123456789012:configuration/one/11111111-2222-3333-4444-555555555555-1"
      latest_revision = 1
    }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = {
      id  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_one-AbCdEf"
      arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_one-AbCdEf"
    }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:one" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/one" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:one" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { id = "arn:aws:ecs:eu-central-1:123456789012:cluster/one", arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/one" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/one:1" }
  }
  mock_resource "aws_ecs_service" {
    defaults = { id = "arn:aws:ecs:eu-central-1:123456789012:service/one/one" }
  }
  mock_resource "aws_ecs_capacity_provider" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:capacity-provider/one" }
  }
  mock_resource "aws_autoscaling_group" {
    defaults = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:1:autoScalingGroupName/one" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0a1b2c3d4e5f60718", latest_version = 1 }
  }
  mock_resource "aws_service_discovery_service" {
    defaults = { arn = "arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-one" }
  }
}

variables {
  name       = "streamproc-test"
  account_id = "123456789012"
  region     = "eu-central-1"
  network = {
    vpc_id          = "vpc-0a1b2c3d"
    subnet_ids      = ["subnet-0a1b2c3d", "subnet-1a1b2c3d", "subnet-2a1b2c3d"]
    route_table_ids = ["rtb-0a1b2c3d"]
  }
  topology = {
    topics            = { "reading.activity.v1" = { partitions = 6 }, "streamproc.control.v1" = { partitions = 1 } }
    users             = ["worker", "publisher"]
    workers           = ["worker"]
    registries        = []
    worker_settings   = { STREAMPROC_KAFKA__GROUP_ID = "streamproc" }
    registry_settings = { APICURIO_STORAGE_KIND = "kafkasql" }
    metrics = {
      streamproc_results       = { kind = "counter", unit = "", meaning = "Results." }
      streamproc_intake_paused = { kind = "gauge", unit = "", meaning = "Paused." }
    }
    alarms = {
      fatal = {
        meaning = "a worker stops", metric = "streamproc_fatal_failures", statistic = "Sum", comparison = "above", threshold = 0,
        period  = 300, periods = 1, silence = "notBreaching", urgency = "page", where = {}
      }
      quarantined = {
        meaning = "paused", metric = "streamproc_intake_paused", statistic = "Maximum", comparison = "above", threshold = 0,
        period  = 60, periods = 2, silence = "notBreaching", urgency = "ticket", where = { reason = "quarantine" }
      }
      no_workers = {
        meaning = "nobody works", metric = "streamproc_results", statistic = "Sum", comparison = "below", threshold = 1,
        period  = 60, periods = 2, silence = "breaching", urgency = "page", where = {}
      }
    }
  }
  registry          = { url = "https://registry.internal", port = 443, security_group_id = "sg-0a1b2c3d" }
  initial_passwords = { worker = "not-a-real-password", publisher = "not-a-real-password" }
  worker            = { image_digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  triton = {
    image                  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/triton@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    certificate_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:triton-AbCdEf"
    authority_secret_arn   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:authority-AbCdEf"
  }
  collector_image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/collector@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  alarm_receivers = { page = ["https://alarms.example.org/page"], ticket = [] }
  ci = {
    repository        = "example/streamproc"
    environment       = "test"
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }
}

run "rights_are_least" {
  command = plan

  assert {
    condition = alltrue([
      for statement in concat(
        data.aws_iam_policy_document.key.statement, data.aws_iam_policy_document.worker.statement, data.aws_iam_policy_document.machine.statement,
        data.aws_iam_policy_document.rotation.statement, data.aws_iam_policy_document.ci.statement,
        data.aws_iam_policy_document.kafka_administrator.statement, data.aws_iam_policy_document.storage_endpoint.statement,
        data.aws_iam_policy_document.recordings.statement,
        flatten([for document in data.aws_iam_policy_document.execution : document.statement]),
        flatten([for document in data.aws_iam_policy_document.user : document.statement]),
      ) : alltrue([for action in statement.actions : !strcontains(action, "*")])
    ])
    error_message = "an action is a wildcard"
  }

  assert {
    condition     = toset(flatten(data.aws_iam_policy_document.worker.statement[*].actions)) == toset(["s3:GetObject", "s3:ListBucket", "kms:Decrypt", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"])
    error_message = "a worker may do something else"
  }

  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.worker.statement : !contains(statement.resources, "*")])
    error_message = "a worker's rights are on named resources"
  }

  assert {
    condition     = contains(flatten([for statement in data.aws_iam_policy_document.ci_assume.statement : [for condition in statement.condition : condition.values]]), "repo:example/streamproc:environment:test")
    error_message = "another repository or environment could take on the CI's role"
  }

  assert {
    condition     = !anytrue([for action in flatten(data.aws_iam_policy_document.kafka_administrator.statement[*].actions) : contains(["kafka-cluster:ReadData", "kafka-cluster:WriteData", "kafka-cluster:DeleteTopic"], action)])
    error_message = "who makes topics could read records or delete topics"
  }

  assert {
    condition = toset([for arn in data.aws_iam_policy_document.kafka_administrator.statement[1].resources : reverse(split("/", arn))[0]]) == toset(keys(var.topology.topics)) && alltrue([
      for arn in data.aws_iam_policy_document.kafka_administrator.statement[1].resources : startswith(arn, "arn:aws:kafka:eu-central-1:123456789012:topic/one/")
    ])
    error_message = "who makes topics may make others, or not all of them"
  }
}

run "nothing_is_public" {
  command = plan

  assert {
    condition     = aws_s3_bucket_public_access_block.recordings.block_public_acls && aws_s3_bucket_public_access_block.recordings.block_public_policy && aws_s3_bucket_public_access_block.recordings.ignore_public_acls && aws_s3_bucket_public_access_block.recordings.restrict_public_buckets
    error_message = "recordings could be public"
  }

  assert {
    condition     = aws_msk_cluster.this.broker_node_group_info[0].connectivity_info[0].public_access[0].type == "DISABLED" && !aws_msk_cluster.this.client_authentication[0].unauthenticated
    error_message = "brokers are public, or let anybody in"
  }

  assert {
    condition     = !aws_ecs_service.worker.network_configuration[0].assign_public_ip && !aws_ecs_service.triton.network_configuration[0].assign_public_ip
    error_message = "tasks have public addresses"
  }

  assert {
    condition     = alltrue([for rule in concat(values(aws_vpc_security_group_ingress_rule.flow), values(aws_vpc_security_group_egress_rule.flow)) : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.referenced_security_group_id != null && rule.from_port == rule.to_port])
    error_message = "a rule lets in more than one group on one port"
  }

  assert {
    condition     = strcontains(aws_msk_configuration.this.server_properties, "allow.everyone.if.no.acl.found=false")
    error_message = "what has no ACL is open to all users"
  }
}

run "everything_is_encrypted" {
  command = plan

  assert {
    condition     = aws_msk_cluster.this.encryption_info[0].encryption_at_rest_kms_key_arn == aws_kms_key.this.arn && aws_msk_cluster.this.encryption_info[0].encryption_in_transit[0].client_broker == "TLS" && aws_msk_cluster.this.encryption_info[0].encryption_in_transit[0].in_cluster
    error_message = "events are not encrypted, at rest or on the way"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.recordings.rule).apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.this.arn
    error_message = "recordings are not encrypted with the key"
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == aws_kms_key.this.arn]) && alltrue([for secret in aws_secretsmanager_secret.user : secret.kms_key_id == aws_kms_key.this.arn]) && alltrue([for topic in aws_sns_topic.alarms : topic.kms_master_key_id == aws_kms_key.this.arn])
    error_message = "logs, passwords or alarms are not encrypted with the key"
  }

  assert {
    condition     = aws_launch_template.triton.block_device_mappings[0].ebs[0].encrypted == "true" && aws_launch_template.triton.metadata_options[0].http_tokens == "required"
    error_message = "Triton's volumes are not encrypted, or their machines tell credentials to whoever asks"
  }

  assert {
    condition     = local.worker_settings.STREAMPROC_TRANSPORT__SECURITY_PROTOCOL == "sasl_ssl" && local.worker_settings.STREAMPROC_TRITON__CA_FILE != "" && strcontains(local.triton_start, "--grpc-use-ssl=true")
    error_message = "a worker speaks plaintext"
  }
}

run "every_alarm_is_wired" {
  command = plan

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.of_streamproc)) == toset(keys(var.topology.alarms))
    error_message = "an alarm of the topology is missing"
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.of_streamproc), values(aws_cloudwatch_metric_alarm.of_aws)) : length(alarm.alarm_actions) == 1 && coalesce(alarm.actions_enabled, true)])
    error_message = "an alarm tells nobody"
  }

  assert {
    condition     = length(aws_sns_topic_subscription.alarms) == 1
    error_message = "nobody hears the alarms"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.of_streamproc["no_workers"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.of_streamproc["no_workers"].comparison_operator == "LessThanThreshold"
    error_message = "workers that are gone raise no alarm"
  }

  assert {
    condition     = anytrue([for row in local.collector.exporters.awsemf.metric_declarations : jsonencode(row.metric_name_selectors) == jsonencode(["^streamproc_intake_paused$"]) && strcontains(jsonencode(row.dimensions), jsonencode(["reason"]))])
    error_message = "the label that an alarm asks for is no dimension"
  }

  assert {
    condition     = length([for name in keys(aws_cloudwatch_metric_alarm.of_aws) : name if startswith(name, "kafka_disk_")]) == 3
    error_message = "each broker's volume has an alarm"
  }
}

run "workers_follow_the_backlog_and_the_age_of_its_oldest" {
  command = plan

  assert {
    condition     = alltrue([for rule in ["worker", "worker_age"] : aws_appautoscaling_policy.service[rule].resource_id == aws_appautoscaling_target.service["worker"].resource_id])
    error_message = "a rule for workers scales something else"
  }

  assert {
    condition     = aws_appautoscaling_policy.service["worker_age"].target_tracking_scaling_policy_configuration[0].target_value == 30
    error_message = "the oldest record waits for longer than half of the objective"
  }

  assert {
    condition = [
      for metric in aws_appautoscaling_policy.service["worker_age"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics :
      "${metric.metric_stat[0].stat} ${metric.metric_stat[0].metric[0].metric_name} ${metric.return_data}"
    ] == ["Maximum streamproc_transport_oldest_age true"]
    error_message = "it is not the oldest record of all that counts, whatever runs"
  }

  assert {
    condition = alltrue([
      for policy in values(aws_appautoscaling_policy.service) :
      length([for metric in policy.target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics : metric if metric.return_data]) == 1
    ])
    error_message = "a rule goes by no number, or by several"
  }
}

run "an_age_of_no_seconds" {
  command = plan
  variables {
    worker = { image_digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000", oldest_age = 0 }
  }
  expect_failures = [var.worker]
}

run "what_is_there_is_protected" {
  command = plan

  assert {
    condition     = aws_kms_key.this.deletion_window_in_days == 30 && aws_kms_key.this.enable_key_rotation
    error_message = "the key could be gone before anybody sees it"
  }

  assert {
    condition     = !aws_s3_bucket.recordings.force_destroy && !aws_ecr_repository.worker.force_delete && alltrue([for secret in aws_secretsmanager_secret.user : secret.recovery_window_in_days == 30])
    error_message = "recordings, images or passwords could be destroyed at once"
  }

  assert {
    condition     = toset(keys(aws_secretsmanager_secret_rotation.user)) == var.topology.users
    error_message = "a password is not rotated"
  }

  assert {
    condition     = aws_ecr_repository.worker.image_tag_mutability == "IMMUTABLE" && endswith(local.worker_image, var.worker.image_digest)
    error_message = "an image could become another"
  }

  assert {
    condition     = aws_ecs_service.worker.deployment_circuit_breaker[0].rollback && aws_ecs_service.worker.alarms[0].rollback
    error_message = "a bad release is not taken back"
  }

  assert {
    condition     = alltrue([for container in concat(local.worker_containers, local.triton_containers) : container.readonlyRootFilesystem && container.user == "65532:65532" && container.linuxParameters.capabilities.drop == ["ALL"]])
    error_message = "a container could write to its image, is root or has capabilities"
  }
}

run "an_unknown_region" {
  command = plan
  variables {
    region = "eu-middle-1"
  }
  expect_failures = [var.region]
}

run "an_account_of_letters" {
  command = plan
  variables {
    account_id = "our-account"
  }
  expect_failures = [var.account_id]
}

run "a_missing_password" {
  command = plan
  variables {
    initial_passwords = { worker = "not-a-real-password" }
  }
  expect_failures = [var.initial_passwords]
}

run "one_subnet" {
  command = plan
  variables {
    network = { vpc_id = "vpc-0a1b2c3d", subnet_ids = ["subnet-0a1b2c3d"], route_table_ids = ["rtb-0a1b2c3d"] }
  }
  expect_failures = [var.network]
}

run "two_brokers" {
  command = plan
  variables {
    network = { vpc_id = "vpc-0a1b2c3d", subnet_ids = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"], route_table_ids = ["rtb-0a1b2c3d"] }
  }
  expect_failures = [aws_msk_cluster.this]
}

run "a_tag_instead_of_a_digest" {
  command = plan
  variables {
    worker = { image_digest = "latest" }
  }
  expect_failures = [var.worker]
}

run "more_at_least_than_at_most" {
  command = plan
  variables {
    worker = { image_digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000", min = 5, max = 2 }
  }
  expect_failures = [var.worker]
}

run "a_password_among_the_settings" {
  command = plan
  variables {
    worker = {
      image_digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
      settings     = { STREAMPROC_REGISTRY__PASSWORD = "x" }
    }
  }
  expect_failures = [var.worker]
}

run "a_machine_without_a_gpu" {
  command = plan
  variables {
    triton = {
      image                  = "one/triton@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      instance_type          = "m7g.large"
      certificate_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:triton-AbCdEf"
      authority_secret_arn   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:authority-AbCdEf"
    }
  }
  expect_failures = [var.triton]
}

run "nobody_is_paged" {
  command = plan
  variables {
    alarm_receivers = { page = [], ticket = [] }
  }
  expect_failures = [var.alarm_receivers]
}

run "recordings_that_go_before_their_activities" {
  command = plan
  variables {
    recordings_days = 3
  }
  expect_failures = [var.recordings_days]
}

run "any_repository" {
  command = plan
  variables {
    ci = { repository = "example/*", environment = "test", oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/x" }
  }
  expect_failures = [var.ci]
}

run "a_registry_that_is_there" {
  command = plan

  assert {
    condition     = local.worker_settings.STREAMPROC_REGISTRY__URL == "https://registry.internal" && !contains(keys(local.worker_settings), "STREAMPROC_REGISTRY__CA_FILE")
    error_message = "workers ask another registry than the one that is named"
  }

  assert {
    condition     = length(aws_ecs_service.registry) == 0 && !contains(keys(aws_security_group.this), "registry") && !contains(keys(aws_iam_role.execution), "registry") && !contains(keys(aws_cloudwatch_metric_alarm.of_aws), "registry_gone")
    error_message = "a registry is made beside the one that is there"
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.registry["there"].referenced_security_group_id == "sg-0a1b2c3d" && aws_vpc_security_group_egress_rule.registry["there"].from_port == 443
    error_message = "workers cannot reach the registry that is there"
  }
}

run "a_registry_in_plaintext" {
  command = plan
  variables {
    registry = { url = "http://registry.internal", port = 80, security_group_id = "sg-0a1b2c3d" }
  }
  expect_failures = [var.registry]
}

run "a_registry_of_its_own" {
  command = plan

  variables {
    topology          = merge(var.topology, { users = ["worker", "publisher", "registry"], registries = ["registry"] })
    initial_passwords = { worker = "not-a-real-password", publisher = "not-a-real-password", registry = "not-a-real-password" }
    registry          = null
    registry_service = {
      image                     = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mirrors/apicurio-registry@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      certificate_secret_arn    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:registry-AbCdEf"
      authority_secret_arn      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:authority-AbCdEf"
      client_security_group_ids = ["sg-1a1b2c3d"]
    }
  }

  # Each has its own: by the mock's all would have one.
  override_resource {
    target          = aws_secretsmanager_secret.user["registry"]
    override_during = plan
    values = {
      id  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_registry-AbCdEf"
      arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_registry-AbCdEf"
    }
  }

  assert {
    condition     = local.worker_settings.STREAMPROC_REGISTRY__URL == "https://registry.streamproc-test.internal:8443/apis/ccompat/v7" && local.worker_settings.STREAMPROC_REGISTRY__CA_FILE == "/run/tls/registry.pem"
    error_message = "workers do not ask it by its name and by TLS"
  }

  assert {
    condition     = aws_service_discovery_service.registry["registry"].name == "registry" && aws_ecs_service.registry["registry"].service_registries[0].registry_arn == aws_service_discovery_service.registry["registry"].arn
    error_message = "nobody finds it by its name"
  }

  assert {
    condition     = local.worker_authorities.FILE_REGISTRY_PEM == var.registry_service.authority_secret_arn && contains(flatten([for statement in data.aws_iam_policy_document.execution["worker"].statement : statement.resources]), var.registry_service.authority_secret_arn)
    error_message = "workers are not given its authority"
  }

  assert {
    condition = alltrue([
      for container in local.registry_containers["registry"] : container.readonlyRootFilesystem && startswith(container.user, "65532:") && container.linuxParameters.capabilities.drop == ["ALL"]
    ])
    error_message = "a container could write to its image, is root or has capabilities"
  }

  assert {
    condition     = local.registry_settings.APICURIO_KAFKA_COMMON_SECURITY_PROTOCOL == "SASL_SSL" && local.registry_settings.APICURIO_KAFKA_COMMON_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM == "https" && local.registry_settings.QUARKUS_HTTP_INSECURE_REQUESTS == "disabled"
    error_message = "it speaks plaintext, or to whoever says to be a broker"
  }

  assert {
    condition     = strcontains(local.registry_settings.APICURIO_KAFKA_COMMON_SASL_JAAS_CONFIG, "username=\"registry\" password=\"$${KAFKA_PASSWORD}\"") && endswith(local.registry_containers["registry"][1].secrets[0].valueFrom, "AmazonMSK_registry-AbCdEf:password::")
    error_message = "it does not log in as its user, by the secret"
  }

  assert {
    condition = toset(flatten([for statement in data.aws_iam_policy_document.execution["registry"].statement : statement.resources if statement.sid == "Secrets"])) == toset([
      var.registry_service.certificate_secret_arn, "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_registry-AbCdEf",
    ])
    error_message = "it is given other secrets than its certificate and its password"
  }

  assert {
    condition     = aws_ecs_task_definition.registry["registry"].task_role_arn == null
    error_message = "it may do something in the account"
  }

  assert {
    condition     = alltrue([for action in flatten(data.aws_iam_policy_document.execution["registry"].statement[*].actions) : !strcontains(action, "*")])
    error_message = "an action is a wildcard"
  }

  assert {
    condition     = toset([for name, flow in local.flows : name if flow.to == "registry"]) == toset(["worker_registry"]) && toset([for name, flow in local.flows : name if flow.from == "registry"]) == toset(["registry_kafka", "registry_endpoints"]) && toset(keys(aws_vpc_security_group_ingress_rule.registry_clients)) == toset(["sg-1a1b2c3d"])
    error_message = "others than workers and named clients reach it, or it reaches others"
  }

  assert {
    condition     = !aws_ecs_service.registry["registry"].network_configuration[0].assign_public_ip && aws_ecs_service.registry["registry"].deployment_circuit_breaker[0].rollback && aws_ecs_service.registry["registry"].desired_count == 2
    error_message = "it is public, alone, or a bad release of it is not taken back"
  }

  assert {
    condition     = aws_cloudwatch_log_group.this["registry"].kms_key_id == aws_kms_key.this.arn
    error_message = "its log is not encrypted with the key"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.of_aws["registry_gone"].comparison_operator == "LessThanThreshold" && aws_cloudwatch_metric_alarm.of_aws["registry_gone"].treat_missing_data == "breaching" && length(aws_cloudwatch_metric_alarm.of_aws["registry_gone"].alarm_actions) == 1
    error_message = "a registry that is gone pages nobody"
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.registry) == 0
    error_message = "workers may reach another registry too"
  }

  assert {
    condition     = jsondecode(aws_lambda_function.rotation.environment[0].variables.SERVICES)["arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_registry-AbCdEf"] == "streamproc-test-registry"
    error_message = "it would keep a password that is no longer its user's"
  }
}

run "a_registry_by_a_tag" {
  command = plan
  variables {
    topology          = merge(var.topology, { users = ["worker", "publisher", "registry"], registries = ["registry"] })
    initial_passwords = { worker = "not-a-real-password", publisher = "not-a-real-password", registry = "not-a-real-password" }
    registry          = null
    registry_service = {
      image                  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/apicurio-registry:latest"
      certificate_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:registry-AbCdEf"
      authority_secret_arn   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:authority-AbCdEf"
    }
  }
  expect_failures = [var.registry_service]
}

run "a_registry_without_a_user" {
  command = plan
  variables {
    registry = null
    registry_service = {
      image                  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/apicurio-registry@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      certificate_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:registry-AbCdEf"
      authority_secret_arn   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:authority-AbCdEf"
    }
  }
  expect_failures = [var.registry_service]
}

run "no_registry_at_all" {
  command = plan
  variables {
    registry = null
  }
  expect_failures = [var.registry]
}
