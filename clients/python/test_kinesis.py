"""Every operation of Kinesis Data Streams, its values, and what it refuses."""

import threading

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def kinesis(aws):
    return aws("kinesis")


@pytest.fixture
def stream(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    yield name
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})


@pytest.fixture
def arn(kinesis, stream):
    return describe(kinesis, stream)["StreamARN"]


@pytest.fixture
def active(kinesis, stream, eventually):
    return lambda: eventually(lambda: describe(kinesis, stream)["StreamStatus"] == "ACTIVE")


def describe(kinesis, stream):
    return kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]


def drain(kinesis, stream, shard, **position):
    position = position or {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **position)["ShardIterator"]
    records = []
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator)
        records += page["Records"]
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            break
        iterator = page.get("NextShardIterator")
    return records


def test_a_stream_is_described_as_it_was_created(kinesis, stream, arn):
    summary = describe(kinesis, stream)
    assert summary["StreamStatus"] == "ACTIVE" and summary["OpenShardCount"] == 2
    assert summary["RetentionPeriodHours"] == 24 and summary["EncryptionType"] == "NONE"
    assert arn.endswith(f":stream/{stream}")
    full = kinesis.describe_stream(StreamARN=arn)["StreamDescription"]
    ranges = sorted((int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"])) for s in full["Shards"])
    assert ranges == [(0, 2**127 - 1), (2**127, 2**128 - 1)]
    assert stream in kinesis.list_streams(Limit=10000)["StreamNames"]


def test_streams_that_clash_or_are_missing_are_refused(kinesis, stream, name, refused):
    refused("ResourceInUseException", kinesis.create_stream, StreamName=stream, ShardCount=1)
    message = refused("ResourceNotFoundException", kinesis.describe_stream, StreamName="missing")
    assert message.startswith("Stream missing under account") and message.endswith("not found.")
    for call in (kinesis.delete_stream, kinesis.list_shards, kinesis.describe_stream_summary, kinesis.list_tags_for_stream):
        refused("ResourceNotFoundException", call, StreamName="missing")
    refused("ValidationException", kinesis.create_stream, StreamName="not a name", ShardCount=1)


def test_records_come_back_as_they_were_put(kinesis, stream):
    first = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"\x00\xff one", ExplicitHashKey="0")
    second = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"two", ExplicitHashKey="0",
                                SequenceNumberForOrdering=first["SequenceNumber"])
    assert first["ShardId"] == second["ShardId"] == "shardId-000000000000"
    assert int(second["SequenceNumber"]) > int(first["SequenceNumber"])
    records = drain(kinesis, stream, first["ShardId"])
    assert [(r["Data"], r["PartitionKey"], r["SequenceNumber"]) for r in records] == [
        (b"\x00\xff one", "k", first["SequenceNumber"]), (b"two", "k", second["SequenceNumber"])]
    assert records[0]["ApproximateArrivalTimestamp"].timestamp() > 1.6e9


def test_a_batch_is_answered_entry_by_entry(kinesis, stream):
    answer = kinesis.put_records(StreamName=stream, Records=[
        {"PartitionKey": str(i), "Data": b"%d" % i} for i in range(500)])
    assert answer["FailedRecordCount"] == 0 and len(answer["Records"]) == 500
    shards = {}
    for i, entry in enumerate(answer["Records"]):
        shards.setdefault(entry["ShardId"], []).append((entry["SequenceNumber"], b"%d" % i))
    assert len(shards) == 2
    for shard, want in shards.items():
        assert [(r["SequenceNumber"], r["Data"]) for r in drain(kinesis, stream, shard)] == want


def test_bad_records_are_refused(kinesis, stream, refused):
    refused("ValidationException", kinesis.put_record, StreamName=stream, PartitionKey="k" * 257, Data=b"")
    refused("InvalidArgumentException", kinesis.put_record, StreamName=stream, PartitionKey="k", Data=b"", ExplicitHashKey=str(2**128))
    refused("ValidationException", kinesis.put_records, StreamName=stream, Records=[{"PartitionKey": "k", "Data": b""}] * 501)
    refused("ResourceNotFoundException", kinesis.put_record, StreamName="missing", PartitionKey="k", Data=b"")


def test_every_kind_of_iterator_starts_where_it_says(kinesis, stream):
    put = [kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"%d" % i, ExplicitHashKey="0") for i in range(3)]
    shard, middle = put[0]["ShardId"], put[1]["SequenceNumber"]
    everything = drain(kinesis, stream, shard)

    def data(**position):
        return [r["Data"] for r in drain(kinesis, stream, shard, **position)]

    assert data(ShardIteratorType="TRIM_HORIZON") == [b"0", b"1", b"2"]
    assert data(ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=middle) == [b"1", b"2"]
    assert data(ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=middle) == [b"2"]
    assert data(ShardIteratorType="AT_TIMESTAMP", Timestamp=everything[0]["ApproximateArrivalTimestamp"]) == [b"0", b"1", b"2"]
    latest = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"3", ExplicitHashKey="0")
    assert [r["Data"] for r in kinesis.get_records(ShardIterator=latest)["Records"]] == [b"3"]


def test_iterators_that_lead_nowhere_are_refused(kinesis, stream, refused):
    refused("ResourceNotFoundException", kinesis.get_shard_iterator, StreamName=stream, ShardId="shardId-000000000099", ShardIteratorType="LATEST")
    refused("InvalidArgumentException", kinesis.get_shard_iterator, StreamName=stream, ShardId="shardId-000000000000",
            ShardIteratorType="AT_SEQUENCE_NUMBER")
    refused("InvalidArgumentException", kinesis.get_records, ShardIterator="nonsense")


def test_shards_split_and_merge(kinesis, stream, active, refused):
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"before", ExplicitHashKey="0")
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**126))
    active()
    kinesis.merge_shards(StreamName=stream, ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000003")
    active()
    shards = {s["ShardId"]: s for s in kinesis.list_shards(StreamName=stream)["Shards"]}
    assert len(shards) == 5
    merged = shards["shardId-000000000004"]
    assert {merged["ParentShardId"], merged["AdjacentParentShardId"]} == {"shardId-000000000002", "shardId-000000000003"}
    assert "EndingSequenceNumber" in shards["shardId-000000000000"]["SequenceNumberRange"]
    # The closed parent ends with its children named.
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    data, children = [], []
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator)
        data += [r["Data"] for r in page["Records"]]
        children = page.get("ChildShards", [])
        iterator = page.get("NextShardIterator")
    assert data == [b"before"]
    assert {c["ShardId"] for c in children} == {"shardId-000000000002", "shardId-000000000003"}
    latest = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    assert {s["ShardId"] for s in latest} == {"shardId-000000000001", "shardId-000000000004"}
    refused("ResourceNotFoundException", kinesis.split_shard, StreamName=stream, ShardToSplit="shardId-000000000099", NewStartingHashKey="1")
    refused("InvalidArgumentException", kinesis.merge_shards, StreamName=stream, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000001")


def test_shards_are_listed_in_pages(kinesis, stream, refused):
    page = kinesis.list_shards(StreamName=stream, MaxResults=1)
    rest = kinesis.list_shards(NextToken=page["NextToken"])
    assert [s["ShardId"] for s in page["Shards"] + rest["Shards"]] == ["shardId-000000000000", "shardId-000000000001"]
    assert "NextToken" not in rest
    refused("InvalidArgumentException", kinesis.list_shards, StreamName=stream, NextToken=page["NextToken"])


def test_the_shard_count_is_updated(kinesis, stream, active, refused):
    answer = kinesis.update_shard_count(StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (2, 4)
    active()
    assert describe(kinesis, stream)["OpenShardCount"] == 4
    refused("InvalidArgumentException", kinesis.update_shard_count, StreamName=stream, TargetShardCount=9, ScalingType="UNIFORM_SCALING")


def test_retention_is_changed(kinesis, stream, active, refused):
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    active()
    assert describe(kinesis, stream)["RetentionPeriodHours"] == 48
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    active()
    assert describe(kinesis, stream)["RetentionPeriodHours"] == 24
    refused("InvalidArgumentException", kinesis.decrease_stream_retention_period, StreamName=stream, RetentionPeriodHours=23)
    refused("InvalidArgumentException", kinesis.increase_stream_retention_period, StreamName=stream, RetentionPeriodHours=8761)


def test_tags_are_kept_through_both_interfaces(kinesis, stream, arn, refused):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"a": "1", "b": "2"})
    kinesis.tag_resource(ResourceARN=arn, Tags={"c": "3"})
    assert {t["Key"]: t["Value"] for t in kinesis.list_tags_for_stream(StreamName=stream)["Tags"]} == {"a": "1", "b": "2", "c": "3"}
    kinesis.remove_tags_from_stream(StreamName=stream, TagKeys=["a"])
    kinesis.untag_resource(ResourceARN=arn, TagKeys=["b"])
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "c", "Value": "3"}]
    for call, rest in ((kinesis.tag_resource, {"Tags": {"a": "1"}}), (kinesis.untag_resource, {"TagKeys": ["a"]}), (kinesis.list_tags_for_resource, {})):
        refused("ResourceNotFoundException", call, ResourceARN=arn + "x", **rest)


def test_encryption_and_monitoring_are_kept(kinesis, stream, active, refused):
    kinesis.start_stream_encryption(StreamName=stream, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    active()
    summary = describe(kinesis, stream)
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
    kinesis.stop_stream_encryption(StreamName=stream, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    active()
    assert describe(kinesis, stream)["EncryptionType"] == "NONE"
    on = kinesis.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["IncomingBytes"])
    assert on["CurrentShardLevelMetrics"] == [] and on["DesiredShardLevelMetrics"] == ["IncomingBytes"]
    active()
    off = kinesis.disable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    assert off["CurrentShardLevelMetrics"] == ["IncomingBytes"] and off["DesiredShardLevelMetrics"] == []
    for call in (kinesis.enable_enhanced_monitoring, kinesis.disable_enhanced_monitoring):
        refused("ResourceNotFoundException", call, StreamName="missing", ShardLevelMetrics=["ALL"])
    for call in (kinesis.start_stream_encryption, kinesis.stop_stream_encryption):
        refused("ResourceNotFoundException", call, StreamName="missing", EncryptionType="KMS", KeyId="alias/aws/kinesis")


def test_resource_policies_are_kept(kinesis, arn, refused):
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kinesis:PutRecord","Resource":"%s"}]}' % arn
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)
    assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == policy
    kinesis.delete_resource_policy(ResourceARN=arn)
    refused("ResourceNotFoundException", kinesis.get_resource_policy, ResourceARN=arn + "x")
    refused("InvalidArgumentException", kinesis.put_resource_policy, ResourceARN=arn, Policy="no JSON")


def test_modes_sizes_and_throughput_are_updated(kinesis, stream, arn, active, refused):
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=2048)
    active()
    assert describe(kinesis, stream)["MaxRecordSizeInKiB"] == 2048
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=bytes((2 << 20) - 100))
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    active()
    assert describe(kinesis, stream)["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    refused("ResourceNotFoundException", kinesis.update_stream_mode, StreamARN=arn + "x", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    refused("ValidationException", kinesis.update_max_record_size, StreamARN=arn, MaxRecordSizeInKiB=10241)


def test_throughput_and_distribution_are_settings_of_on_demand_streams(kinesis, stream, arn, active, refused):
    refused("ValidationException", kinesis.update_stream_record_distribution_strategy, StreamARN=arn, RecordDistributionStrategy="OTHER")
    refused("ResourceNotFoundException", kinesis.update_stream_warm_throughput, StreamARN=arn + "x", WarmThroughputMiBps=10)
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    active()
    refused("ValidationException", kinesis.update_stream_warm_throughput, StreamARN=arn, WarmThroughputMiBps=10)


def test_account_settings_and_limits(kinesis):
    limits = kinesis.describe_limits()
    assert limits["ShardLimit"] >= 500 and limits["OpenShardCount"] >= 0
    assert kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]["Status"] == "DISABLED"
    with pytest.raises(ClientError):
        kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "SOMETHING"})


def test_consumers_are_pushed_records(kinesis, stream, arn, eventually, refused):
    made = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    consumer = made["ConsumerARN"]
    eventually(lambda: kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE")
    assert [c["ConsumerName"] for c in kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]] == ["reader"]
    refused("ResourceInUseException", kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="reader")

    events = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId="shardId-000000000000",
                                        StartingPosition={"Type": "LATEST"})["EventStream"]
    got = []

    def listen():
        for event in events:
            got.extend(event["SubscribeToShardEvent"]["Records"])
            if got:
                return

    reader = threading.Thread(target=listen, daemon=True)
    reader.start()
    put = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"pushed", ExplicitHashKey="0")
    reader.join(20)
    events.close()
    assert [(r["Data"], r["SequenceNumber"]) for r in got] == [(b"pushed", put["SequenceNumber"])]
    refused("ResourceNotFoundException", kinesis.subscribe_to_shard, ConsumerARN=consumer, ShardId="shardId-000000000099",
            StartingPosition={"Type": "LATEST"})
    kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    eventually(lambda: not kinesis.list_stream_consumers(StreamARN=arn)["Consumers"])
    refused("ResourceNotFoundException", kinesis.describe_stream_consumer, ConsumerARN=consumer)
    refused("ResourceNotFoundException", kinesis.deregister_stream_consumer, ConsumerARN=consumer)
