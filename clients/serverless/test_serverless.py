"""The Serverless Framework, unmodified but for a plugin that sets the endpoint."""

import json
import os
import pathlib
import subprocess
import time
import urllib.request

import boto3

HERE = pathlib.Path(__file__).parent
STACK = "hello-sls-dev"


def sls(*arguments):
    environment = {**os.environ, "SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", "CI": "1"}
    done = subprocess.run([HERE / "node_modules/.bin/serverless", *arguments], cwd=HERE / "service", env=environment,
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def get(path):
    with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + path) as answer:
        return json.loads(answer.read())


def resources():
    found = boto3.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in found}


def test_a_service_is_deployed_and_answers():
    boto3.client("s3").create_bucket(Bucket="hello-sls-artifacts")
    sls("deploy")
    made = resources()
    assert get(f"/_aws/execute-api/{made['HttpApi']}/$default/hello/ann") == {"hello": "ann"}
    assert get(f"/_aws/execute-api/{made['ApiGatewayRestApi']}/dev/old/bob") == {"hello": "bob"}
    boto3.client("sqs").send_message(QueueUrl=made["Queue"], MessageBody="eve")
    table = boto3.resource("dynamodb").Table(made["Items"])
    deadline = time.monotonic() + 30
    while {i["name"] for i in table.scan()["Items"]} != {"ann", "bob", "eve"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    function = boto3.client("lambda").get_function_configuration(FunctionName="hello-sls-dev-hello")
    assert (function["Runtime"], function["Handler"], function["Timeout"]) == ("python3.12", "app.handler", 15)
    assert function["Environment"]["Variables"] == {"TABLE": made["Items"]}
    assert "No changes to deploy" in sls("deploy")
    sls("remove")
    cloudformation = boto3.client("cloudformation")
    assert STACK not in {s["StackName"] for s in cloudformation.describe_stacks()["Stacks"]}
