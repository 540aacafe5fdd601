"""The AWS CLI, as people type it."""

import json
import os
import subprocess

import pytest


def run(*arguments, check=True):
    if arguments[0] == "sqs":  # version 1 of the CLI has an address of its own for SQS, and heeds only the option
        arguments += ("--endpoint-url", os.environ["AWS_ENDPOINT_URL"])
    done = subprocess.run(["aws", *arguments], capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, done.stderr
    return done


def aws_json(*arguments):
    out = run(*arguments, "--output", "json").stdout
    return json.loads(out) if out.strip() else None


def test_a_kinesis_session(name):
    run("kinesis", "create-stream", "--stream-name", name, "--shard-count", "1")
    run("kinesis", "wait", "stream-exists", "--stream-name", name)
    put = aws_json("kinesis", "put-record", "--stream-name", name, "--partition-key", "k", "--data", "hello")
    run("kinesis", "split-shard", "--stream-name", name, "--shard-to-split", put["ShardId"], "--new-starting-hash-key", str(2**127))
    iterator = aws_json("kinesis", "get-shard-iterator", "--stream-name", name, "--shard-id", put["ShardId"], "--shard-iterator-type", "TRIM_HORIZON")
    page = aws_json("kinesis", "get-records", "--shard-iterator", iterator["ShardIterator"])
    assert [(r["Data"], r["SequenceNumber"]) for r in page["Records"]] == [("aGVsbG8=", put["SequenceNumber"])]
    run("kinesis", "delete-stream", "--stream-name", name)
    missing = run("kinesis", "describe-stream", "--stream-name", "missing", check=False)
    assert missing.returncode != 0 and "ResourceNotFoundException" in missing.stderr


def test_the_currency_table_and_its_changes(name):
    made = aws_json("dynamodb", "create-table", "--table-name", name, "--billing-mode", "PAY_PER_REQUEST",
                    "--attribute-definitions", "AttributeName=symbol,AttributeType=S", "--key-schema", "AttributeName=symbol,KeyType=HASH",
                    "--stream-specification", "StreamEnabled=true,StreamViewType=NEW_IMAGE")
    run("dynamodb", "wait", "table-exists", "--table-name", name)
    run("dynamodb", "put-item", "--table-name", name, "--item", '{"symbol":{"S":"EUR"},"rate":{"N":"1.10"}}')
    run("dynamodb", "update-item", "--table-name", name, "--key", '{"symbol":{"S":"EUR"}}',
        "--update-expression", "SET rate = :r", "--expression-attribute-values", '{":r":{"N":"1.12"}}')
    got = aws_json("dynamodb", "get-item", "--table-name", name, "--key", '{"symbol":{"S":"EUR"}}')
    assert got["Item"] == {"symbol": {"S": "EUR"}, "rate": {"N": "1.12"}}
    run("dynamodb", "delete-item", "--table-name", name, "--key", '{"symbol":{"S":"EUR"}}')
    arn = made["TableDescription"]["LatestStreamArn"]
    shards = aws_json("dynamodbstreams", "describe-stream", "--stream-arn", arn)["StreamDescription"]["Shards"]
    records = []
    for shard in shards:
        iterator = aws_json("dynamodbstreams", "get-shard-iterator", "--stream-arn", arn, "--shard-id", shard["ShardId"], "--shard-iterator-type", "TRIM_HORIZON")
        records += aws_json("dynamodbstreams", "get-records", "--shard-iterator", iterator["ShardIterator"])["Records"]
    assert [(r["eventName"], r["dynamodb"].get("NewImage", {}).get("rate")) for r in records] == [
        ("INSERT", {"N": "1.1"}), ("MODIFY", {"N": "1.12"}), ("REMOVE", None)]


def test_files_are_copied_and_synchronised(name, tmp_path):
    up, down = tmp_path / "up", tmp_path / "down"
    (up / "deep" / "er").mkdir(parents=True)
    files = {f"deep/er/{i}.txt": b"%d" % i * 100 for i in range(1000)} | {"big.bin": bytes(range(256)) * (40 << 10)}
    for path, content in files.items():
        (up / path).write_bytes(content)
    run("s3", "mb", f"s3://{name}")
    run("s3", "sync", str(up), f"s3://{name}/x")
    run("s3", "sync", f"s3://{name}/x", str(down))
    assert {str(p.relative_to(down)): p.read_bytes() for p in down.rglob("*") if p.is_file()} == files
    assert run("s3", "sync", str(up), f"s3://{name}/x").stdout == ""
    run("s3", "cp", f"s3://{name}/x/big.bin", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == files["big.bin"]
    run("s3", "rb", "--force", f"s3://{name}")
    assert run("s3", "ls", f"s3://{name}", check=False).returncode != 0


@pytest.mark.parametrize("again", [False, True])
def test_a_template_is_deployed(name, tmp_path, again):
    template = tmp_path / "t.yaml"
    template.write_text("Resources:\n  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 2}}\nOutputs:\n  Name: {Value: !Ref Stream}\n")
    run("cloudformation", "deploy", "--stack-name", name, "--template-file", str(template))
    stack = aws_json("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"][0]
    stream = aws_json("kinesis", "describe-stream-summary", "--stream-name", stack["Outputs"][0]["OutputValue"])
    assert stream["StreamDescriptionSummary"]["OpenShardCount"] == 2
    if again:
        done = run("cloudformation", "deploy", "--stack-name", name, "--template-file", str(template), "--no-fail-on-empty-changeset")
        assert "No changes to deploy" in done.stdout + done.stderr
    run("cloudformation", "delete-stack", "--stack-name", name)
    run("cloudformation", "wait", "stack-delete-complete", "--stack-name", name)


def test_events_go_only_where_the_filter_policy_lets_them(name):
    topic = aws_json("sns", "create-topic", "--name", name)["TopicArn"]
    urls = []
    for kind in ("a", "b"):
        url = aws_json("sqs", "create-queue", "--queue-name", f"{name}-{kind}")["QueueUrl"]
        arn = aws_json("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "QueueArn")["Attributes"]["QueueArn"]
        run("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", arn,
            "--attributes", json.dumps({"FilterPolicy": json.dumps({"kind": [kind]}), "RawMessageDelivery": "true"}))
        urls.append(url)
    for kind in ("a", "b", "c"):
        run("sns", "publish", "--topic-arn", topic, "--message", kind,
            "--message-attributes", json.dumps({"kind": {"DataType": "String", "StringValue": kind}}))
    for kind, url in zip(("a", "b"), urls):
        got = aws_json("sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", "5", "--max-number-of-messages", "10")
        assert [m["Body"] for m in got["Messages"]] == [kind]
