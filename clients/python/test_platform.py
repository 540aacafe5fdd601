"""Glue's schema registry, IAM, STS, Logs, Lambda, API Gateway and CloudFormation."""

import io
import json
import os
import time
import urllib.error
import urllib.request
import zipfile

import boto3
import pytest
from botocore.config import Config

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
V1 = '{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}'
V2 = '{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":"int","default":0}]}'
BROKEN = '{"type":"record","name":"R","fields":[{"name":"c","type":"int"}]}'
HANDLER = """
import os
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no good")
    print("seen", event)
    body = {"path": event.get("rawPath") or event.get("path"), "mode": os.environ["MODE"]}
    import json
    return {"statusCode": 201, "headers": {"x-made-by": "leat"}, "body": json.dumps(body)}
"""


def zipped(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("app.py", text)
    return out.getvalue()


@pytest.fixture
def role(aws, name):
    iam = aws("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    yield arn
    for p in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=p)
    iam.delete_role(RoleName=name)


@pytest.fixture
def function(aws, name, role):
    client = aws("lambda")
    made = client.create_function(FunctionName=name, Runtime="python3.12", Role=role, Handler="app.handler",
                                  Code={"ZipFile": zipped(HANDLER)}, Environment={"Variables": {"MODE": "one"}}, Timeout=10)
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    yield made
    client.delete_function(FunctionName=name)


def invoke(client, name, payload, **more):
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload), **more)
    return answer, json.loads(answer["Payload"].read() or "null")


def test_schemas_are_registered_found_and_compared(aws, name, refused):
    glue = aws("glue")
    registry = glue.create_registry(RegistryName=name, Description="d", Tags={"a": "1"})
    in_registry = {"SchemaName": "s", "RegistryName": name}
    made = glue.create_schema(RegistryId={"RegistryName": name}, SchemaName="s", DataFormat="AVRO", Compatibility="BACKWARD", SchemaDefinition=V1)
    assert (made["LatestSchemaVersion"], made["SchemaVersionStatus"]) == (1, "AVAILABLE")
    second = glue.register_schema_version(SchemaId=in_registry, SchemaDefinition=V2)
    assert (second["VersionNumber"], second["Status"]) == (2, "AVAILABLE")
    assert glue.register_schema_version(SchemaId=in_registry, SchemaDefinition=BROKEN)["Status"] == "FAILURE"
    got = glue.get_schema_version(SchemaVersionId=second["SchemaVersionId"])
    assert got["SchemaDefinition"] == V2 and got["DataFormat"] == "AVRO"
    assert glue.get_schema_by_definition(SchemaId=in_registry, SchemaDefinition=V1)["SchemaVersionId"] == made["SchemaVersionId"]
    diff = glue.get_schema_versions_diff(SchemaId=in_registry, FirstSchemaVersionNumber={"VersionNumber": 1},
                                         SecondSchemaVersionNumber={"VersionNumber": 2}, SchemaDiffType="SYNTAX_DIFF")["Diff"]
    assert "b" in diff
    assert glue.check_schema_version_validity(DataFormat="AVRO", SchemaDefinition=V1)["Valid"] is True
    assert glue.check_schema_version_validity(DataFormat="AVRO", SchemaDefinition='{"type":"nope"}')["Valid"] is False
    glue.put_schema_version_metadata(SchemaVersionId=made["SchemaVersionId"], MetadataKeyValue={"MetadataKey": "k", "MetadataValue": "v"})
    metadata = glue.query_schema_version_metadata(SchemaVersionId=made["SchemaVersionId"])["MetadataInfoMap"]
    assert metadata["k"]["MetadataValue"] == "v"
    glue.remove_schema_version_metadata(SchemaVersionId=made["SchemaVersionId"], MetadataKeyValue={"MetadataKey": "k", "MetadataValue": "v"})
    versions = glue.list_schema_versions(SchemaId=in_registry)["Schemas"]
    assert {v["VersionNumber"] for v in versions} >= {1, 2}
    glue.update_schema(SchemaId=in_registry, Compatibility="FULL", SchemaVersionNumber={"VersionNumber": 2})
    schema = glue.get_schema(SchemaId=in_registry)
    assert (schema["Compatibility"], schema["SchemaCheckpoint"]) == ("FULL", 2)
    assert [s["SchemaName"] for s in glue.list_schemas(RegistryId={"RegistryName": name})["Schemas"]] == ["s"]
    glue.update_registry(RegistryId={"RegistryName": name}, Description="e")
    assert glue.get_registry(RegistryId={"RegistryName": name})["Description"] == "e"
    assert name in [r["RegistryName"] for p in glue.get_paginator("list_registries").paginate() for r in p["Registries"]]
    glue.tag_resource(ResourceArn=registry["RegistryArn"], TagsToAdd={"b": "2"})
    glue.untag_resource(ResourceArn=registry["RegistryArn"], TagsToRemove=["a"])
    assert glue.get_tags(ResourceArn=registry["RegistryArn"])["Tags"] == {"b": "2"}
    refused("AlreadyExistsException", glue.create_registry, RegistryName=name)
    refused("EntityNotFoundException", glue.get_schema, SchemaId={"SchemaName": "missing", "RegistryName": name})
    refused("InvalidInputException", glue.create_schema, SchemaName="bad", RegistryId={"RegistryName": name}, DataFormat="AVRO", Compatibility="NONE",
            SchemaDefinition="no schema")
    glue.delete_schema_versions(SchemaId=in_registry, Versions="1")
    glue.delete_schema(SchemaId=in_registry)
    glue.delete_registry(RegistryId={"RegistryName": name})


def test_roles_and_policies(aws, role, name, refused):
    iam = aws("iam")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(document))
    assert iam.get_role_policy(RoleName=name, PolicyName="inline")["PolicyDocument"] == document
    policy = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    assert [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]] == [policy]
    results = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["s3:GetObject", "s3:PutObject"], ResourceArns=["arn:aws:s3:::b/k"])
    assert [r["EvalDecision"] for r in results["EvaluationResults"]] == ["allowed", "implicitDeny"]
    refused("DeleteConflict", iam.delete_policy, PolicyArn=policy)
    iam.detach_role_policy(RoleName=name, PolicyArn=policy)
    iam.delete_policy(PolicyArn=policy)
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)
    refused("EntityAlreadyExists", iam.create_role, RoleName=name, AssumeRolePolicyDocument=TRUST)
    assert refused("NoSuchEntity", iam.get_role, RoleName="missing") == "The role with name missing cannot be found."
    refused("MalformedPolicyDocument", iam.put_role_policy, RoleName=name, PolicyName="x", PolicyDocument="no JSON")


def test_users_and_callers(aws, name, role, refused):
    iam, sts = aws("iam"), aws("sts")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    assert [k["AccessKeyId"] for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]] == [key["AccessKeyId"]]
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
    refused("NoSuchEntity", iam.get_user, UserName=name)
    assert sts.get_caller_identity()["Account"].isdigit()
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=TRUST.replace('"Service": "lambda.amazonaws.com"', '"AWS": "*"'))
    assumed = sts.assume_role(RoleArn=role, RoleSessionName="session")
    assert assumed["AssumedRoleUser"]["Arn"].endswith(f":assumed-role/{name}/session")
    assert assumed["Credentials"]["SessionToken"]
    refused("AccessDenied", sts.assume_role, RoleArn=role + "x", RoleSessionName="session")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=TRUST)
    refused("AccessDenied", sts.assume_role, RoleArn=role, RoleSessionName="session")


def test_identity_lists_come_in_pages(aws, role, name):
    iam = aws("iam")
    tags = [{"Key": f"k{i}", "Value": "v"} for i in range(5)]
    iam.tag_role(RoleName=name, Tags=tags)
    pages = list(iam.get_paginator("list_role_tags").paginate(RoleName=name, PaginationConfig={"PageSize": 2}))
    assert [len(p["Tags"]) for p in pages] == [2, 2, 1] and [t for p in pages for t in p["Tags"]] == tags
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
    policy = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=document)
    pages = list(iam.get_paginator("list_policy_versions").paginate(PolicyArn=policy, PaginationConfig={"PageSize": 1}))
    assert [[v["VersionId"] for v in p["Versions"]] for p in pages] == [["v2"], ["v1"]]
    iam.delete_policy_version(PolicyArn=policy, VersionId="v2")
    iam.tag_policy(PolicyArn=policy, Tags=tags[:1])
    assert iam.list_policy_tags(PolicyArn=policy)["Tags"] == tags[:1]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=policy)
    assert iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    iam.delete_role_permissions_boundary(RoleName=name)
    iam.delete_policy(PolicyArn=policy)


def test_a_live_tail_shows_what_comes_in(aws, name):
    logs = aws("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    arn = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["logGroupArn"]
    # The SDK would put "streaming-logs." before the host's name.
    live = boto3.client("logs", config=Config(inject_host_prefix=False)).start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="ERROR")
    events = iter(live["responseStream"])
    assert next(events)["sessionStart"]["logGroupIdentifiers"] == [arn]
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[{"timestamp": now, "message": "ERROR one"}, {"timestamp": now, "message": "fine"}])
    seen = []
    while not seen:
        seen = next(events)["sessionUpdate"]["sessionResults"]
    assert [(e["logStreamName"], e["message"], e["timestamp"]) for e in seen] == [("s", "ERROR one", now)]
    live["responseStream"].close()
    logs.delete_log_group(logGroupName=name)


def test_log_events_are_kept_and_searched(aws, name, refused):
    logs = aws("logs")
    logs.create_log_group(logGroupName=name, tags={"a": "1"})
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[
        {"timestamp": now, "message": "ERROR one"}, {"timestamp": now + 1, "message": "fine"}])
    events = logs.get_log_events(logGroupName=name, logStreamName="s", startFromHead=True)["events"]
    assert [(e["timestamp"], e["message"]) for e in events] == [(now, "ERROR one"), (now + 1, "fine")]
    assert [e["message"] for e in logs.filter_log_events(logGroupName=name, filterPattern="ERROR")["events"]] == ["ERROR one"]
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert group["retentionInDays"] == 7
    assert [s["logStreamName"] for s in logs.describe_log_streams(logGroupName=name)["logStreams"]] == ["s"]
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName=name)
    refused("InvalidParameterException", logs.put_retention_policy, logGroupName=name, retentionInDays=8)
    logs.delete_log_group(logGroupName=name)
    refused("ResourceNotFoundException", logs.get_log_events, logGroupName=name, logStreamName="s")


def test_a_function_answers_fails_and_logs(aws, function, name, eventually, refused):
    client = aws("lambda")
    answer, value = invoke(client, name, {"path": "/x"})
    assert (answer["StatusCode"], answer["ExecutedVersion"], value["statusCode"]) == (200, "$LATEST", 201)
    answer, value = invoke(client, name, {"fail": True})
    assert answer["FunctionError"] == "Unhandled"
    assert (value["errorType"], value["errorMessage"]) == ("ValueError", "no good") and value["stackTrace"]
    assert client.invoke(FunctionName=name, InvocationType="Event", Payload="{}")["StatusCode"] == 202
    assert client.invoke(FunctionName=name, InvocationType="DryRun", Payload="{}")["StatusCode"] == 204
    logs = aws("logs")
    eventually(lambda: any("seen" in e["message"] for e in logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]))
    refused("ResourceNotFoundException", client.invoke, FunctionName="missing")
    refused("InvalidRequestContentException", client.invoke, FunctionName=name, Payload="no JSON")
    refused("ResourceConflictException", client.create_function, FunctionName=name, Runtime="python3.12", Role=function["Role"],
            Handler="app.handler", Code={"ZipFile": zipped(HANDLER)})


def test_versions_and_aliases_keep_what_they_were(aws, function, name, refused):
    client = aws("lambda")
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"MODE": "two"}})
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    modes = [json.loads(invoke(client, name, {}, **q)[1]["body"])["mode"] for q in ({}, {"Qualifier": "live"})]
    assert modes == ["two", "one"]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=5)
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 5
    assert name in [f["FunctionName"] for p in client.get_paginator("list_functions").paginate() for f in p["Functions"]]
    client.tag_resource(Resource=function["FunctionArn"], Tags={"a": "1"})
    assert client.list_tags(Resource=function["FunctionArn"])["Tags"] == {"a": "1"}
    refused("ResourceNotFoundException", client.get_alias, FunctionName=name, Name="missing")


def test_a_stream_triggers_a_function(aws, function, role, name, eventually):
    iam, kinesis, client = aws("iam"), aws("kinesis"), aws("lambda")
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    stream = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    mapping = client.create_event_source_mapping(EventSourceArn=stream, FunctionName=name, StartingPosition="TRIM_HORIZON")["UUID"]
    kinesis.put_record(StreamName=name, PartitionKey="marker-key", Data=b"x")
    logs = aws("logs")
    eventually(lambda: any("marker-key" in e["message"] for p in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}") for e in p["events"])
               if logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"] else False)
    client.delete_event_source_mapping(UUID=mapping)
    kinesis.delete_stream(StreamName=name)


def http(path, method="GET"):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + path, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode(), e.headers


def test_gateways_call_functions(aws, function, name, refused):
    aws("lambda").add_permission(FunctionName=name, StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    v2 = aws("apigatewayv2")
    api = v2.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
    integration = v2.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function["FunctionArn"], PayloadFormatVersion="2.0")["IntegrationId"]
    v2.create_route(ApiId=api, RouteKey="GET /items/{id}", Target=f"integrations/{integration}")
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    status, body, headers = http(f"/_aws/execute-api/{api}/$default/items/7")
    assert (status, json.loads(body)["path"], headers["x-made-by"]) == (201, "/items/7", "leat")
    assert http(f"/_aws/execute-api/{api}/$default/other")[0] == 404
    refused("NotFoundException", v2.get_api, ApiId="missing000")
    v2.delete_api(ApiId=api)

    v1 = aws("apigateway")
    api = v1.create_rest_api(name=name)["id"]
    root = v1.get_resources(restApiId=api)["items"][0]["id"]
    resource = v1.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")["id"]
    v1.put_method(restApiId=api, resourceId=resource, httpMethod="ANY", authorizationType="NONE")
    v1.put_integration(restApiId=api, resourceId=resource, httpMethod="ANY", type="AWS_PROXY", integrationHttpMethod="POST",
                       uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function['FunctionArn']}/invocations")
    v1.create_deployment(restApiId=api, stageName="prod")
    status, body, _ = http(f"/_aws/execute-api/{api}/prod/a/b", "POST")
    assert (status, json.loads(body)["path"]) == (201, "/a/b")
    refused("NotFoundException", v1.get_rest_api, restApiId="missing000")
    v1.delete_rest_api(restApiId=api)


def test_stacks_are_made_changed_and_removed(aws, name, refused):
    cloudformation, sqs = aws("cloudformation"), aws("sqs")
    template = {"Parameters": {"Delay": {"Type": "Number", "Default": 1}},
                "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, "DelaySeconds": {"Ref": "Delay"}}},
                              "Topic": {"Type": "AWS::SNS::Topic"},
                              "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {
                                  "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                                  "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}]}}},
                "Outputs": {"Url": {"Value": {"Ref": "Queue"}}, "Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}, "Table": {"Value": {"Ref": "Table"}}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["Url"], AttributeNames=["All"])["Attributes"]
    assert (attributes["DelaySeconds"], attributes["QueueArn"]) == ("1", outputs["Arn"])
    assert aws("dynamodb").describe_table(TableName=outputs["Table"])["Table"]["TableStatus"] == "ACTIVE"
    cloudformation.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Delay", "ParameterValue": "5"}])
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert sqs.get_queue_attributes(QueueUrl=outputs["Url"], AttributeNames=["All"])["Attributes"]["DelaySeconds"] == "5"
    assert refused("ValidationError", cloudformation.update_stack, StackName=name, UsePreviousTemplate=True,
                   Parameters=[{"ParameterKey": "Delay", "UsePreviousValue": True}]) == "No updates are to be performed."
    refused("AlreadyExistsException", cloudformation.create_stack, StackName=name, TemplateBody=json.dumps(template))
    assert {r["LogicalResourceId"] for r in cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]} == {"Queue", "Topic", "Table"}
    statuses = [e["ResourceStatus"] for e in cloudformation.describe_stack_events(StackName=name)["StackEvents"]]
    assert "CREATE_COMPLETE" in statuses and "UPDATE_COMPLETE" in statuses
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_attributes, QueueUrl=outputs["Url"])
    assert refused("ValidationError", cloudformation.describe_stacks, StackName=name) == f"Stack with id {name} does not exist"
