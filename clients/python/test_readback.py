"""A stack of every kind of resource: each property reads back through the SDK as it was given.

GIVEN is a template; READ says how a resource is read. What is compared is every
property of the template: maps by key, lists in any order, scalars by their text, policies as documents.
"""

import io
import json
import zipfile

import pytest

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
WRITES = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["dynamodb:PutItem"], "Resource": "*"}]}
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kinesis:*", "sqs:*", "dynamodb:*"], "Resource": "*"}]}
TAGS = [{"Key": "team", "Value": "red"}, {"Key": "cost", "Value": "7"}]
PATTERN = json.dumps({"data": {"kind": ["order"]}})
CODE = "def handler(event, context):\n    return event\n"
AVRO = json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]})


def invocation(function):
    return {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${%s.Arn}/invocations" % function}


def resource(kind, **properties):
    return {"Type": kind, "Properties": properties}


GIVEN = {
    "Stream": resource("AWS::Kinesis::Stream", Name="rb-stream", ShardCount=2, RetentionPeriodHours=48, Tags=TAGS, StreamModeDetails={"StreamMode": "PROVISIONED"},
                       StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}),
    "Consumer": resource("AWS::Kinesis::StreamConsumer", ConsumerName="rb-consumer", StreamARN={"Fn::GetAtt": "Stream.Arn"}),
    "Table": resource("AWS::DynamoDB::Table", TableName="rb-table", BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
                      AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "g", "l")],
                      KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                      GlobalSecondaryIndexes=[{"IndexName": "byG", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]},
                                               "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}}],
                      LocalSecondaryIndexes=[{"IndexName": "byL", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "l", "KeyType": "RANGE"}], "Projection": {"ProjectionType": "ALL"}}],
                      StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"}, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}, Tags=TAGS,
                      PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}, DeletionProtectionEnabled=False, TableClass="STANDARD_INFREQUENT_ACCESS"),
    "Topic": resource("AWS::SNS::Topic", TopicName="rb-topic.fifo", FifoTopic=True, ContentBasedDeduplication=True, DisplayName="news", Tags=TAGS, KmsMasterKeyId="alias/aws/sns", TracingConfig="Active"),
    "Plain": resource("AWS::SNS::Topic", TopicName="rb-plain"),
    "TopicPolicy": resource("AWS::SNS::TopicPolicy", Topics=[{"Ref": "Plain"}], PolicyDocument={"Version": "2012-10-17", "Statement": [
        {"Sid": "a", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": {"Ref": "Plain"}}]}),
    "Subscription": resource("AWS::SNS::Subscription", TopicArn={"Ref": "Plain"}, Protocol="sqs", Endpoint={"Fn::GetAtt": "Queue.Arn"}, RawMessageDelivery=True, FilterPolicy={"kind": ["a", {"prefix": "b"}]},
                             FilterPolicyScope="MessageBody", RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": "Dead.Arn"}}),
    "Dead": resource("AWS::SQS::Queue", QueueName="rb-dead"),
    "Queue": resource("AWS::SQS::Queue", QueueName="rb-queue", DelaySeconds=3, MaximumMessageSize=2048, MessageRetentionPeriod=3600, ReceiveMessageWaitTimeSeconds=4, VisibilityTimeout=66, Tags=TAGS,
                      RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": "Dead.Arn"}, "maxReceiveCount": 5}, SqsManagedSseEnabled=True),
    "Fifo": resource("AWS::SQS::Queue", QueueName="rb.fifo", FifoQueue=True, ContentBasedDeduplication=True, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId",
                     RedriveAllowPolicy={"redrivePermission": "denyAll"}),
    "QueuePolicy": resource("AWS::SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument={"Version": "2012-10-17", "Statement": [
        {"Sid": "a", "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": "Queue.Arn"}}]}),
    "Bucket": resource("AWS::S3::Bucket", BucketName="rb-bucket", Tags=TAGS,
                       LifecycleConfiguration={"Rules": [{"Id": "old", "Status": "Enabled", "Prefix": "tmp/", "ExpirationInDays": 3}]},
                       CorsConfiguration={"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://a.example"], "AllowedHeaders": ["x"], "ExposedHeaders": ["y"], "MaxAge": 60}]}),
    "Role": resource("AWS::IAM::Role", RoleName="rb-role", Path="/app/", Description="runs it", MaxSessionDuration=7200, AssumeRolePolicyDocument=TRUST, Tags=TAGS,
                     ManagedPolicyArns=["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"], Policies=[{"PolicyName": "any", "PolicyDocument": ANYTHING}]),
    "Policy": resource("AWS::IAM::Policy", PolicyName="rb-inline", Roles=[{"Ref": "Role"}], PolicyDocument=WRITES),
    "Managed": resource("AWS::IAM::ManagedPolicy", ManagedPolicyName="rb-managed", Path="/app/", Description="writes", PolicyDocument=WRITES, Roles=[{"Ref": "Role"}]),
    "Function": resource("AWS::Lambda::Function", FunctionName="rb-function", Description="reads", Runtime="python3.12", Handler="index.handler", Code={"ZipFile": CODE}, Role={"Fn::GetAtt": "Role.Arn"}, Timeout=11,
                         MemorySize=256, Environment={"Variables": {"KEY": "value"}}, Architectures=["x86_64"], ReservedConcurrentExecutions=5, EphemeralStorage={"Size": 1024}, TracingConfig={"Mode": "Active"},
                         DeadLetterConfig={"TargetArn": {"Fn::GetAtt": "Dead.Arn"}}, Tags=TAGS, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN", "LogGroup": {"Ref": "Logs"}}),
    "Version": resource("AWS::Lambda::Version", FunctionName={"Ref": "Function"}, Description="first"),
    "Alias": resource("AWS::Lambda::Alias", FunctionName={"Ref": "Function"}, FunctionVersion={"Fn::GetAtt": "Version.Version"}, Name="live", Description="the one"),
    "Permission": resource("AWS::Lambda::Permission", FunctionName={"Ref": "Function"}, Action="lambda:InvokeFunction", Principal="sns.amazonaws.com", SourceArn={"Ref": "Plain"}, SourceAccount={"Ref": "AWS::AccountId"}),
    "FromStream": resource("AWS::Lambda::EventSourceMapping", FunctionName={"Ref": "Function"}, EventSourceArn={"Fn::GetAtt": "Stream.Arn"}, StartingPosition="TRIM_HORIZON", BatchSize=7, MaximumBatchingWindowInSeconds=2,
                           BisectBatchOnFunctionError=True, MaximumRetryAttempts=3, MaximumRecordAgeInSeconds=600, ParallelizationFactor=2, TumblingWindowInSeconds=0, Enabled=False,
                           FunctionResponseTypes=["ReportBatchItemFailures"], FilterCriteria={"Filters": [{"Pattern": PATTERN}]}, DestinationConfig={"OnFailure": {"Destination": {"Fn::GetAtt": "Dead.Arn"}}}),
    "FromQueue": resource("AWS::Lambda::EventSourceMapping", FunctionName={"Ref": "Function"}, EventSourceArn={"Fn::GetAtt": "Queue.Arn"}, BatchSize=9, MaximumBatchingWindowInSeconds=1, ScalingConfig={"MaximumConcurrency": 3}),
    "Layer": resource("AWS::Lambda::LayerVersionPermission", LayerVersionArn={"Ref": "LayerVersion"}, Action="lambda:GetLayerVersion", Principal="*"),
    "LayerVersion": resource("AWS::Lambda::LayerVersion", LayerName="rb-layer", Description="libs", CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"], LicenseInfo="MIT",
                             Content={"S3Bucket": "rb-code", "S3Key": "layer.zip"}),
    "Url": resource("AWS::Lambda::Url", TargetFunctionArn={"Fn::GetAtt": "Function.Arn"}, AuthType="NONE", InvokeMode="BUFFERED",
                    Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "AllowHeaders": ["x"], "ExposeHeaders": ["y"], "MaxAge": 60, "AllowCredentials": True}),
    "Invoke": resource("AWS::Lambda::EventInvokeConfig", FunctionName={"Ref": "Function"}, Qualifier="$LATEST", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=120,
                       DestinationConfig={"OnSuccess": {"Destination": {"Fn::GetAtt": "Queue.Arn"}}, "OnFailure": {"Destination": {"Fn::GetAtt": "Dead.Arn"}}}),
    "Logs": resource("AWS::Logs::LogGroup", LogGroupName="/rb/logs", RetentionInDays=14, Tags=TAGS),
    "Rest": resource("AWS::ApiGateway::RestApi", Name="rb-rest", Description="d", BinaryMediaTypes=["image/*"], EndpointConfiguration={"Types": ["REGIONAL"]}, MinimumCompressionSize=100, Tags=TAGS, ApiKeySourceType="HEADER"),
    "Items": resource("AWS::ApiGateway::Resource", RestApiId={"Ref": "Rest"}, ParentId={"Fn::GetAtt": "Rest.RootResourceId"}, PathPart="{id}"),
    "Model": resource("AWS::ApiGateway::Model", RestApiId={"Ref": "Rest"}, Name="Thing", ContentType="application/json", Description="m", Schema={"type": "object", "required": ["a"]}),
    "Validator": resource("AWS::ApiGateway::RequestValidator", RestApiId={"Ref": "Rest"}, Name="both", ValidateRequestBody=True, ValidateRequestParameters=True),
    "Authorizer": resource("AWS::ApiGateway::Authorizer", RestApiId={"Ref": "Rest"}, Name="who", Type="TOKEN", AuthorizerUri=invocation("Function"), IdentitySource="method.request.header.Auth",
                           IdentityValidationExpression="^x", AuthorizerResultTtlInSeconds=77),
    "Method": resource("AWS::ApiGateway::Method", RestApiId={"Ref": "Rest"}, ResourceId={"Ref": "Items"}, HttpMethod="POST", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Authorizer"}, ApiKeyRequired=False,
                       OperationName="op", RequestValidatorId={"Ref": "Validator"}, RequestModels={"application/json": {"Ref": "Model"}}, RequestParameters={"method.request.querystring.q": True},
                       MethodResponses=[{"StatusCode": "200", "ResponseModels": {"application/json": "Empty"}, "ResponseParameters": {"method.response.header.X": True}}],
                       Integration={"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": invocation("Function"), "TimeoutInMillis": 5000, "PassthroughBehavior": "NEVER", "CacheKeyParameters": ["method.request.path.id"], "CacheNamespace": "ns"}),
    "Deployment": {"DependsOn": "Method", **resource("AWS::ApiGateway::Deployment", RestApiId={"Ref": "Rest"}, Description="dep")},
    "Stage": resource("AWS::ApiGateway::Stage", RestApiId={"Ref": "Rest"}, DeploymentId={"Ref": "Deployment"}, StageName="dev", Description="s", Variables={"color": "blue"}, TracingEnabled=True, Tags=TAGS,
                      MethodSettings=[{"HttpMethod": "*", "ResourcePath": "/*", "LoggingLevel": "INFO", "MetricsEnabled": True, "ThrottlingBurstLimit": 7}]),
    "Worded": resource("AWS::ApiGateway::GatewayResponse", RestApiId={"Ref": "Rest"}, ResponseType="UNAUTHORIZED", StatusCode="418", ResponseParameters={"gatewayresponse.header.X": "'y'"}, ResponseTemplates={"application/json": "{}"}),
    "Http": resource("AWS::ApiGatewayV2::Api", Name="rb-http", ProtocolType="HTTP", Description="d", Version="v1", Tags={"team": "red"}, DisableExecuteApiEndpoint=False,
                     CorsConfiguration={"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "AllowHeaders": ["x"], "ExposeHeaders": ["y"], "MaxAge": 60, "AllowCredentials": True}),
    "Integration": resource("AWS::ApiGatewayV2::Integration", ApiId={"Ref": "Http"}, IntegrationType="AWS_PROXY", IntegrationUri={"Fn::GetAtt": "Function.Arn"}, PayloadFormatVersion="2.0", TimeoutInMillis=4000, Description="i"),
    "Knows": resource("AWS::ApiGatewayV2::Authorizer", ApiId={"Ref": "Http"}, Name="knows", AuthorizerType="REQUEST", AuthorizerUri=invocation("Function"), AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True,
                      IdentitySource=["$request.header.Auth"], AuthorizerResultTtlInSeconds=44),
    "Route": resource("AWS::ApiGatewayV2::Route", ApiId={"Ref": "Http"}, RouteKey="GET /x/{y}", Target={"Fn::Sub": "integrations/${Integration}"}, AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Knows"}, OperationName="op"),
    "Live": resource("AWS::ApiGatewayV2::Stage", ApiId={"Ref": "Http"}, StageName="$default", AutoDeploy=True, Description="s", StageVariables={"color": "blue"}, Tags={"team": "red"},
                     DefaultRouteSettings={"ThrottlingBurstLimit": 9, "ThrottlingRateLimit": 8.5}),
    "Registry": resource("AWS::Glue::Registry", Name="rb-registry", Description="r", Tags=TAGS),
    "Schema": resource("AWS::Glue::Schema", Name="rb-schema", Registry={"Arn": {"Fn::GetAtt": "Registry.Arn"}}, DataFormat="AVRO", Compatibility="BACKWARD", Description="s", SchemaDefinition=AVRO, Tags=TAGS),
}


class Reader:
    """Reads the resources of the stack; its methods are named after their logical ids' types."""

    def __init__(self, aws, ids):
        self.aws, self.ids = aws, ids

    def tags(self, listed):
        """Tags in either of the forms that services have, as templates write them."""
        if isinstance(listed, dict):
            return [{"Key": k, "Value": v} for k, v in listed.items()]
        return [{k.capitalize(): v for k, v in t.items()} for t in listed]

    def kinesis_stream(self, p):
        d = self.aws("kinesis").describe_stream_summary(StreamName=p["Name"])["StreamDescriptionSummary"]
        tags = self.aws("kinesis").list_tags_for_stream(StreamName=p["Name"])["Tags"]
        return {**d, "Name": d["StreamName"], "ShardCount": d["OpenShardCount"], "Tags": tags, "StreamEncryption": d}

    def kinesis_streamconsumer(self, p):
        return self.aws("kinesis").describe_stream_consumer(ConsumerARN=self.ids["Consumer"])["ConsumerDescription"]

    def dynamodb_table(self, p):
        c, n = self.aws("dynamodb"), p["TableName"]
        t = c.describe_table(TableName=n)["Table"]
        ttl = c.describe_time_to_live(TableName=n)["TimeToLiveDescription"]
        pitr = c.describe_continuous_backups(TableName=n)["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        return {"BillingMode": "PROVISIONED", **t, "TimeToLiveSpecification": {**ttl, "Enabled": ttl["TimeToLiveStatus"] == "ENABLED"}, "TableClass": t["TableClassSummary"]["TableClass"],
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": pitr["PointInTimeRecoveryStatus"] == "ENABLED"}, "Tags": c.list_tags_of_resource(ResourceArn=t["TableArn"])["Tags"]}

    def sns_topic(self, p):
        c = self.aws("sns")
        arn = next(t["TopicArn"] for t in c.list_topics()["Topics"] if t["TopicArn"].endswith(":" + p["TopicName"]))
        return {**c.get_topic_attributes(TopicArn=arn)["Attributes"], "TopicName": arn.split(":")[-1], "Tags": c.list_tags_for_resource(ResourceArn=arn)["Tags"]}

    def sns_topicpolicy(self, p):
        return {"Topics": p["Topics"], "PolicyDocument": self.aws("sns").get_topic_attributes(TopicArn=self.ids["Plain"])["Attributes"]["Policy"]}

    def sns_subscription(self, p):
        return self.aws("sns").get_subscription_attributes(SubscriptionArn=self.ids["Subscription"])["Attributes"]

    def sqs_queue(self, p):
        c = self.aws("sqs")
        url = c.get_queue_url(QueueName=p["QueueName"])["QueueUrl"]
        return {**c.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"], "QueueName": url.split("/")[-1], "Tags": self.tags(c.list_queue_tags(QueueUrl=url).get("Tags", {}))}

    def sqs_queuepolicy(self, p):
        url = self.aws("sqs").get_queue_url(QueueName="rb-queue")["QueueUrl"]
        return {"Queues": p["Queues"], "PolicyDocument": self.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]}

    def s3_bucket(self, p):
        c, b = self.aws("s3"), {"Bucket": p["BucketName"]}
        rules = c.get_bucket_lifecycle_configuration(**b)["Rules"]
        cors = c.get_bucket_cors(**b)["CORSRules"]
        return {"BucketName": p["BucketName"], "Tags": c.get_bucket_tagging(**b)["TagSet"],
                "LifecycleConfiguration": {"Rules": [{**r, "Id": r["ID"], "Prefix": r.get("Prefix") or r["Filter"]["Prefix"], "ExpirationInDays": r["Expiration"]["Days"]} for r in rules]},
                "CorsConfiguration": {"CorsRules": [{**r, "ExposedHeaders": r["ExposeHeaders"], "MaxAge": r["MaxAgeSeconds"]} for r in cors]}}

    def iam_role(self, p):
        c, n = self.aws("iam"), p["RoleName"]
        inline = [c.get_role_policy(RoleName=n, PolicyName=name) for name in c.list_role_policies(RoleName=n)["PolicyNames"]]
        attached = [a["PolicyArn"] for a in c.list_attached_role_policies(RoleName=n)["AttachedPolicies"]]
        return {**c.get_role(RoleName=n)["Role"], "Policies": inline, "ManagedPolicyArns": attached, "Tags": c.list_role_tags(RoleName=n)["Tags"]}

    def iam_policy(self, p):
        return {**self.aws("iam").get_role_policy(RoleName="rb-role", PolicyName=p["PolicyName"]), "Roles": ["rb-role"]}

    def iam_managedpolicy(self, p):
        c = self.aws("iam")
        d = c.get_policy(PolicyArn=self.ids["Managed"])["Policy"]
        document = c.get_policy_version(PolicyArn=self.ids["Managed"], VersionId=d["DefaultVersionId"])["PolicyVersion"]["Document"]
        roles = [r["RoleName"] for r in c.list_entities_for_policy(PolicyArn=self.ids["Managed"])["PolicyRoles"]]
        return {**d, "ManagedPolicyName": d["PolicyName"], "PolicyDocument": document, "Roles": roles}

    def lambda_function(self, p):
        f = self.aws("lambda").get_function(FunctionName=p["FunctionName"])
        c = f["Configuration"]
        assert c["CodeSize"] > 0
        return {**c, "Tags": self.tags(f["Tags"]), "ReservedConcurrentExecutions": f["Concurrency"]["ReservedConcurrentExecutions"], "Code": p["Code"]}

    def lambda_version(self, p):
        return self.aws("lambda").get_function_configuration(FunctionName="rb-function", Qualifier="1")

    def lambda_alias(self, p):
        return {**self.aws("lambda").get_alias(FunctionName="rb-function", Name="live"), "FunctionName": "rb-function"}

    def lambda_permission(self, p):
        for s in json.loads(self.aws("lambda").get_policy(FunctionName="rb-function")["Policy"])["Statement"]:
            if s["Sid"] == self.ids["Permission"]:
                return {"FunctionName": "rb-function", "Action": s["Action"], "Principal": s["Principal"]["Service"], "SourceArn": s["Condition"]["ArnLike"]["AWS:SourceArn"],
                        "SourceAccount": s["Condition"]["StringEquals"]["AWS:SourceAccount"]}

    def lambda_eventsourcemapping(self, p):
        wanted = [m for m in self.aws("lambda").list_event_source_mappings()["EventSourceMappings"] if m["BatchSize"] == p["BatchSize"]]
        return {**wanted[0], "FunctionName": wanted[0]["FunctionArn"].split(":")[-1], "Enabled": wanted[0]["State"] not in ("Disabled", "Disabling")}

    def lambda_layerversion(self, p):
        d = self.aws("lambda").get_layer_version_by_arn(Arn=self.ids["LayerVersion"])
        assert d["Content"]["CodeSize"] > 0
        return {**d, "LayerName": d["LayerArn"].split(":")[-1], "Content": p["Content"]}

    def lambda_layerversionpermission(self, p):
        (s,) = json.loads(self.aws("lambda").get_layer_version_policy(LayerName="rb-layer", VersionNumber=int(self.ids["LayerVersion"].split(":")[-1]))["Policy"])["Statement"]
        return {"LayerVersionArn": s["Resource"], **s}

    def lambda_url(self, p):
        d = self.aws("lambda").get_function_url_config(FunctionName="rb-function")
        return {**d, "TargetFunctionArn": d["FunctionArn"]}

    def lambda_eventinvokeconfig(self, p):
        return {**self.aws("lambda").get_function_event_invoke_config(FunctionName="rb-function"), "FunctionName": "rb-function", "Qualifier": "$LATEST"}

    def logs_loggroup(self, p):
        (g,) = self.aws("logs").describe_log_groups(logGroupNamePrefix="/rb/logs")["logGroups"]
        return {"LogGroupName": g["logGroupName"], "RetentionInDays": g["retentionInDays"], "Tags": self.tags(self.aws("logs").list_tags_log_group(logGroupName="/rb/logs")["tags"])}

    def rest(self, operation, **kw):
        return folded(getattr(self.aws("apigateway"), operation)(restApiId=self.ids["Rest"], **kw))

    def apigateway_restapi(self, p):
        d = self.rest("get_rest_api")
        return {**d, "ApiKeySourceType": d["apikeysource"], "Tags": self.tags(d["tags"])}

    def apigateway_resource(self, p):
        return {**self.rest("get_resource", resourceId=self.ids["Items"]), "RestApiId": self.ids["Rest"]}

    def apigateway_model(self, p):
        return {**self.rest("get_model", modelName="Thing"), "RestApiId": self.ids["Rest"]}

    def apigateway_requestvalidator(self, p):
        return {**self.rest("get_request_validator", requestValidatorId=self.ids["Validator"]), "RestApiId": self.ids["Rest"]}

    def apigateway_authorizer(self, p):
        return {**self.rest("get_authorizer", authorizerId=self.ids["Authorizer"]), "RestApiId": self.ids["Rest"]}

    def apigateway_method(self, p):
        d = self.rest("get_method", resourceId=self.ids["Items"], httpMethod="POST")
        i = d["methodintegration"]
        return {**d, "RestApiId": self.ids["Rest"], "ResourceId": self.ids["Items"], "MethodResponses": list(d["methodresponses"].values()), "Integration": {**i, "IntegrationHttpMethod": i["httpmethod"]}}

    def apigateway_deployment(self, p):
        return {**self.rest("get_deployment", deploymentId=self.ids["Deployment"]), "RestApiId": self.ids["Rest"]}

    def apigateway_stage(self, p):
        d = self.rest("get_stage", stageName="dev")
        settings = [{**s, "HttpMethod": "*", "ResourcePath": "/*"} for s in d["methodsettings"].values()]
        return {**d, "RestApiId": self.ids["Rest"], "Tags": self.tags(d["tags"]), "MethodSettings": settings}

    def apigateway_gatewayresponse(self, p):
        return {**self.rest("get_gateway_response", responseType="UNAUTHORIZED"), "RestApiId": self.ids["Rest"]}

    def http(self, operation, **kw):
        return {**getattr(self.aws("apigatewayv2"), operation)(ApiId=self.ids["Http"], **kw), "ApiId": self.ids["Http"]}

    def apigatewayv2_api(self, p):
        return self.http("get_api")

    def apigatewayv2_integration(self, p):
        return self.http("get_integration", IntegrationId=self.ids["Integration"])

    def apigatewayv2_authorizer(self, p):
        return self.http("get_authorizer", AuthorizerId=self.ids["Knows"])

    def apigatewayv2_route(self, p):
        return self.http("get_route", RouteId=self.ids["Route"])

    def apigatewayv2_stage(self, p):
        return self.http("get_stage", StageName="$default")

    def glue_registry(self, p):
        d = self.aws("glue").get_registry(RegistryId={"RegistryName": "rb-registry"})
        return {**d, "Name": d["RegistryName"], "Tags": self.tags(self.aws("glue").get_tags(ResourceArn=d["RegistryArn"])["Tags"])}

    def glue_schema(self, p):
        d = self.aws("glue").get_schema(SchemaId={"SchemaName": "rb-schema", "RegistryName": "rb-registry"})
        v = self.aws("glue").get_schema_version(SchemaId={"SchemaArn": d["SchemaArn"]}, SchemaVersionNumber={"LatestVersion": True})
        return {**d, "Name": d["SchemaName"], "Registry": {"Arn": d["RegistryName"]}, "SchemaDefinition": v["SchemaDefinition"], "Tags": self.tags(self.aws("glue").get_tags(ResourceArn=d["SchemaArn"])["Tags"])}


def folded(reply):
    """API Gateway's replies begin their members with small letters: keys are compared without case."""
    if isinstance(reply, dict):
        return {k.lower(): folded(v) for k, v in reply.items()}
    return [folded(v) for v in reply] if isinstance(reply, list) else reply


def document(value):
    """A policy, a model or a filter may come back as text."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def differences(given, got, at=""):
    """The properties that did not read back as they were given."""
    given, got = document(given), document(got)
    if isinstance(given, dict) and len(given) == 1 and next(iter(given)).startswith(("Ref", "Fn::")):
        return [] if got not in (None, "") else [f"{at}: nothing, wanted {given}"]
    if isinstance(given, dict):
        if not isinstance(got, dict):
            return [f"{at}: {got!r}, wanted {given!r}"]
        names = {k.lower(): v for k, v in got.items()}
        return [d for k, v in given.items() for d in differences(v, got[k] if k in got else names.get(k.lower()), f"{at}.{k}")]
    if isinstance(given, list):
        if not isinstance(got, list) or len(got) < len(given):
            return [f"{at}: {got!r}, wanted {given!r}"]
        return [f"{at}: no {g!r} in {got!r}" for g in given if all(differences(g, h) for h in got)]
    if isinstance(given, bool):
        given, got = str(given).lower(), str(got).lower()
    return [] if str(given) == str(got) else [f"{at}: {got!r}, wanted {given!r}"]


def archive(path, text):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as z:
        z.writestr(path, text)
    return made.getvalue()


@pytest.fixture(scope="module")
def stack(aws):
    aws("s3").create_bucket(Bucket="rb-code")
    aws("s3").put_object(Bucket="rb-code", Key="layer.zip", Body=archive("python/lib.py", "x = 1\n"))
    cloudformation = aws("cloudformation")
    cloudformation.create_stack(StackName="readback", TemplateBody=json.dumps({"Resources": GIVEN}), Capabilities=["CAPABILITY_NAMED_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName="readback", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    found = cloudformation.describe_stack_resources(StackName="readback")["StackResources"]
    yield {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in found}
    cloudformation.delete_stack(StackName="readback")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="readback", WaiterConfig={"Delay": 1, "MaxAttempts": 60})


@pytest.mark.parametrize("name", GIVEN)
def test_every_property_reads_back(aws, stack, name):
    kind, properties = GIVEN[name]["Type"], GIVEN[name]["Properties"]
    read = getattr(Reader(aws, stack), kind.removeprefix("AWS::").replace("::", "_").lower())
    assert differences(properties, read(properties), name) == []
