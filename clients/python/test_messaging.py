"""SQS and SNS."""

import hashlib
import json

import pytest


@pytest.fixture
def sqs(aws):
    return aws("sqs")


@pytest.fixture
def sns(aws):
    return aws("sns")


@pytest.fixture
def queue(sqs, name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def topic(sns, name):
    arn = sns.create_topic(Name=name)["TopicArn"]
    yield arn
    sns.delete_topic(TopicArn=arn)


def arn_of(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def receive(sqs, url, **more):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=more.pop("wait", 5), **more).get("Messages", [])


def test_a_message_comes_back_as_it_was_sent(sqs, queue):
    sent = sqs.send_message(QueueUrl=queue, MessageBody="héllo", MessageAttributes={
        "n": {"DataType": "Number", "StringValue": "7"}, "b": {"DataType": "Binary", "BinaryValue": b"\x00"}})
    assert sent["MD5OfMessageBody"] == hashlib.md5("héllo".encode()).hexdigest()
    (got,) = receive(sqs, queue, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])
    assert (got["MessageId"], got["Body"]) == (sent["MessageId"], "héllo")
    assert got["MessageAttributes"]["n"]["StringValue"] == "7" and got["MessageAttributes"]["b"]["BinaryValue"] == b"\x00"
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = receive(sqs, queue)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"])
    assert receive(sqs, queue, wait=0) == []


def test_batches_are_answered_entry_by_entry(sqs, queue, refused):
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": str(i), "MessageBody": str(i)} for i in range(3)])
    assert [s["Id"] for s in answer["Successful"]] == ["0", "1", "2"]
    got = receive(sqs, queue)
    assert sorted(m["Body"] for m in got) == ["0", "1", "2"]
    hidden = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[{"Id": "a", "ReceiptHandle": got[0]["ReceiptHandle"], "VisibilityTimeout": 60}])
    assert [s["Id"] for s in hidden["Successful"]] == ["a"]
    deleted = sqs.delete_message_batch(QueueUrl=queue, Entries=[{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(got)])
    assert len(deleted["Successful"]) == 3
    refused("AWS.SimpleQueueService.EmptyBatchRequest", sqs.send_message_batch, QueueUrl=queue, Entries=[])
    refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", sqs.send_message_batch, QueueUrl=queue,
            Entries=[{"Id": "a", "MessageBody": "1"}, {"Id": "a", "MessageBody": "2"}])
    refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=queue, ReceiptHandle="nonsense")


def test_fifo_queues_keep_order_and_drop_doubles(sqs, name, refused):
    url = sqs.create_queue(QueueName=name + ".fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for i in (0, 1, 1, 2):
        sqs.send_message(QueueUrl=url, MessageBody=str(i), MessageGroupId="g", MessageDeduplicationId=str(i))
    assert [m["Body"] for m in receive(sqs, url)] == ["0", "1", "2"]
    refused("MissingParameter", sqs.send_message, QueueUrl=url, MessageBody="x")
    sqs.delete_queue(QueueUrl=url)


def test_what_is_received_too_often_goes_to_the_dead_letters(sqs, queue, name, eventually, refused):
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": "1"})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    assert len(receive(sqs, queue)) == 1
    assert receive(sqs, queue, wait=1) == []
    eventually(lambda: sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]["ApproximateNumberOfMessages"] == "1")
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": "10"})})
    task = sqs.start_message_move_task(SourceArn=arn_of(sqs, dead))["TaskHandle"]
    eventually(lambda: sqs.list_message_move_tasks(SourceArn=arn_of(sqs, dead))["Results"][0]["Status"] == "COMPLETED")
    assert [m["Body"] for m in receive(sqs, queue)] == ["poison"]
    assert refused("AWS.SimpleQueueService.UnsupportedOperation", sqs.cancel_message_move_task, TaskHandle=task) == "Only active tasks can be cancelled."
    sqs.delete_queue(QueueUrl=dead)


def test_queues_are_listed_tagged_and_purged(sqs, queue, name, refused):
    assert queue in sqs.list_queues(QueueNamePrefix=name)["QueueUrls"]
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == queue
    sqs.tag_queue(QueueUrl=queue, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=queue, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"b": "2"}
    sqs.add_permission(QueueUrl=queue, Label="l", AWSAccountIds=["123456789012"], Actions=["SendMessage"])
    assert "123456789012" in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"]
    sqs.remove_permission(QueueUrl=queue, Label="l")
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    sqs.purge_queue(QueueUrl=queue)
    assert receive(sqs, queue, wait=0) == []
    message = refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="missing")
    assert message.startswith("The specified queue does not exist")
    refused("QueueAlreadyExists", sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "7"})
    refused("InvalidAttributeValue", sqs.set_queue_attributes, QueueUrl=queue, Attributes={"DelaySeconds": "901"})


def test_topics_deliver_what_filter_policies_let_through(sns, sqs, topic, queue, name, refused):
    raw = sqs.create_queue(QueueName=name + "-raw")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(sqs, queue), Attributes={"FilterPolicy": '{"kind":["a"]}'})
    second = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(sqs, raw), ReturnSubscriptionArn=True, Attributes={
        "RawMessageDelivery": "true", "FilterPolicyScope": "MessageBody", "FilterPolicy": '{"price":[{"numeric":[">",10]}]}'})["SubscriptionArn"]
    for kind, price in (("a", 5), ("b", 50)):
        sns.publish(TopicArn=topic, Message=json.dumps({"price": price}), Subject="s",
                    MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}})
    (first,) = receive(sqs, queue)
    envelope = json.loads(first["Body"])
    assert (envelope["Type"], envelope["TopicArn"], envelope["Subject"], envelope["Message"]) == ("Notification", topic, "s", '{"price": 5}')
    assert [m["Body"] for m in receive(sqs, raw)] == ['{"price": 50}']
    sns.set_subscription_attributes(SubscriptionArn=second, AttributeName="FilterPolicy", AttributeValue="{}")
    assert sns.get_subscription_attributes(SubscriptionArn=second)["Attributes"]["RawMessageDelivery"] == "true"
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 2
    sns.unsubscribe(SubscriptionArn=second)
    assert second not in [s["SubscriptionArn"] for page in sns.get_paginator("list_subscriptions").paginate() for s in page["Subscriptions"]]
    refused("InvalidParameter", sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=arn_of(sqs, raw), Attributes={"FilterPolicy": "no JSON"})
    refused("NotFound", sns.publish, TopicArn=topic + "x", Message="x")
    sqs.delete_queue(QueueUrl=raw)


def test_topics_keep_attributes_tags_and_permissions(sns, topic, refused):
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Shown")
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "Shown"
    assert topic in [t["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for t in page["Topics"]]
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "a", "Value": "1"}])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "a", "Value": "1"}]
    sns.untag_resource(ResourceArn=topic, TagKeys=["a"])
    sns.add_permission(TopicArn=topic, Label="l", AWSAccountId=["123456789012"], ActionName=["Publish"])
    assert '"l"' in sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    sns.remove_permission(TopicArn=topic, Label="l")
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{"Id": "1", "Message": "a"}, {"Id": "2", "Message": "b"}])
    assert [s["Id"] for s in answer["Successful"]] == ["1", "2"] and answer["Failed"] == []
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    refused("InvalidParameter", sns.confirm_subscription, TopicArn=topic, Token="x" * 64)
    refused("InvalidParameter", sns.add_permission, TopicArn=topic, Label="m", AWSAccountId=["123456789012"], ActionName=["Fly"])
    refused("InvalidParameter", sns.create_topic, Name="not a name")
    refused("NotFound", sns.get_topic_attributes, TopicArn=topic + "x")
