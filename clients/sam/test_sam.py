"""The SAM CLI, unmodified: it heeds AWS_ENDPOINT_URL by itself."""

import json
import os
import pathlib
import subprocess
import time
import urllib.request

import boto3

HERE = pathlib.Path(__file__).parent
STACK = "hello-sam"


def sam(*arguments):
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run([os.environ["SAM"], *arguments], cwd=HERE, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_template_is_deployed_answers_and_is_deleted():
    boto3.client("s3").create_bucket(Bucket="hello-sam-artifacts")
    deploy = ("deploy", "--stack-name", STACK, "--s3-bucket", "hello-sam-artifacts", "--capabilities", "CAPABILITY_IAM",
              "--no-confirm-changeset", "--no-progressbar")
    sam(*deploy)
    cloudformation = boto3.client("cloudformation")
    made = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]}
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{made['ServerlessHttpApi']}/$default/hello/ann"
    with urllib.request.urlopen(url) as answer:
        assert json.loads(answer.read()) == {"hello": "ann"}
    boto3.client("sqs").send_message(QueueUrl=made["Queue"], MessageBody="eve")
    table = boto3.resource("dynamodb").Table(made["Items"])
    deadline = time.monotonic() + 30
    while {i["name"] for i in table.scan()["Items"]} != {"ann", "eve"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    function = boto3.client("lambda").get_function_configuration(FunctionName=made["Hello"])
    assert (function["Runtime"], function["Timeout"], function["Environment"]["Variables"]) == ("python3.12", 15, {"TABLE": made["Items"]})
    sam(*deploy, "--no-fail-on-empty-changeset")
    sam("delete", "--stack-name", STACK, "--no-prompts", "--region", "us-east-1")
    assert STACK not in {s["StackName"] for s in cloudformation.describe_stacks()["Stacks"]}
