"""The fixture that users copy into their tests."""

import urllib.request
from urllib.error import URLError

import pytest
from leat_fixture import running

TEMPLATE = """
Resources:
  Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders}}
Outputs:
  Queue: {Value: !Ref Orders}
"""


def test_platforms_are_apart_and_gone_when_they_end(name):
    with running() as one, running() as other:
        one.client("kinesis").create_stream(StreamName=name, ShardCount=1)
        assert one.client("kinesis").list_streams()["StreamNames"] == [name]
        assert other.client("kinesis").list_streams()["StreamNames"] == []
        assert urllib.request.urlopen(one.registry_url + "/subjects").read() == b"[]"
    with pytest.raises(URLError):
        urllib.request.urlopen(one.url + "/_leat/health")


def test_a_template_is_deployed(tmp_path):
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    with running(tmp_path) as platform:
        url = platform.outputs["Queue"]
        platform.client("sqs").send_message(QueueUrl=url, MessageBody="an order")
        assert platform.client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"] == "an order"


def test_what_cannot_be_deployed_says_why(tmp_path):
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("AWS::SQS::Queue", "AWS::SQS::Nothing"))
    with pytest.raises(RuntimeError, match="AWS::SQS::Nothing"):
        with running(tmp_path):
            pass
