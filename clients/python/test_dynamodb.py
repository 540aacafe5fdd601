"""DynamoDB at client and resource level, and its change streams."""

from decimal import Decimal

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError


@pytest.fixture
def dynamodb(aws):
    return aws("dynamodb")


@pytest.fixture
def table(dynamodb, name):
    """A table at resource level: user (S), at (N), an index by kind, and a stream."""
    made = boto3.resource("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in (("user", "S"), ("at", "N"), ("kind", "S"))],
        KeySchema=[{"AttributeName": "user", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[{"IndexName": "by-kind", "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
                                 "Projection": {"ProjectionType": "ALL"}}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        BillingMode="PAY_PER_REQUEST")
    made.wait_until_exists()
    yield made
    made.delete()
    made.wait_until_not_exists()


def test_a_table_is_described_as_it_was_created(dynamodb, table, refused):
    d = dynamodb.describe_table(TableName=table.name)["Table"]
    assert d["TableStatus"] == "ACTIVE" and d["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [i["IndexName"] for i in d["GlobalSecondaryIndexes"]] == ["by-kind"]
    assert d["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table.name in [t for page in dynamodb.get_paginator("list_tables").paginate() for t in page["TableNames"]]
    refused("ResourceInUseException", dynamodb.create_table, TableName=table.name, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}], KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}])
    refused("ResourceNotFoundException", dynamodb.describe_table, TableName="missing")
    refused("ResourceNotFoundException", dynamodb.delete_table, TableName="missing")


def test_every_type_comes_back_as_it_was_put(table):
    item = {"user": "u", "at": 1, "s": "é", "n": Decimal("12345678901234567890123456789012345678"), "b": b"\x00\xff", "t": True, "z": None,
            "ss": {"a", "b"}, "ns": {Decimal("1.5"), 2}, "bs": {b"1", b"2"}, "l": [1, "x", [None]], "m": {"k": {"deep": False}}}
    table.put_item(Item=item)
    assert table.get_item(Key={"user": "u", "at": 1}, ConsistentRead=True)["Item"] == item


def test_items_are_updated_under_conditions(table, refused):
    key = {"user": "u", "at": 1}
    new = table.update_item(Key=key, UpdateExpression="SET n = if_not_exists(n, :zero) + :one, #l = list_append(:empty, :x) ADD tags :t",
                            ExpressionAttributeNames={"#l": "list"}, ReturnValues="ALL_NEW",
                            ExpressionAttributeValues={":zero": 0, ":one": 1, ":empty": [], ":x": ["x"], ":t": {"red"}})["Attributes"]
    assert new == {**key, "n": 1, "list": ["x"], "tags": {"red"}}
    with pytest.raises(ClientError) as caught:
        table.put_item(Item=key, ConditionExpression=Attr("user").not_exists(), ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert caught.value.response["Error"]["Message"] == "The conditional request failed"
    assert caught.value.response["Item"]["n"] == {"N": "1"}
    assert table.delete_item(Key=key, ReturnValues="ALL_OLD")["Attributes"] == new
    assert "Item" not in table.get_item(Key=key)
    refused("ValidationException", table.update_item, Key=key, UpdateExpression="SET nonsense")
    assert "key element does not match the schema" in refused("ValidationException", table.get_item, Key={"user": "u"})


def test_queries_and_scans_page_and_filter(table):
    with table.batch_writer() as batch:
        for i in range(30):
            batch.put_item(Item={"user": "u" if i % 2 else "v", "at": i, "kind": "odd" if i % 2 else "even"})
    got = table.query(KeyConditionExpression=Key("user").eq("u") & Key("at").between(5, 11), ScanIndexForward=False)
    assert [i["at"] for i in got["Items"]] == [11, 9, 7, 5]
    by_kind = table.query(IndexName="by-kind", KeyConditionExpression=Key("kind").eq("even"), Limit=4)
    assert [i["at"] for i in by_kind["Items"]] == [0, 2, 4, 6]
    rest = table.query(IndexName="by-kind", KeyConditionExpression=Key("kind").eq("even"), ExclusiveStartKey=by_kind["LastEvaluatedKey"])
    assert [i["at"] for i in rest["Items"]] == list(range(8, 30, 2))
    scanned = [i for s in range(3) for i in table.scan(Segment=s, TotalSegments=3, FilterExpression=Attr("at").lt(10), ProjectionExpression="#a",
                                                         ExpressionAttributeNames={"#a": "at"})["Items"]]
    assert sorted(i["at"] for i in scanned) == list(range(10)) and set(scanned[0]) == {"at"}
    assert table.query(KeyConditionExpression=Key("user").eq("u"), Select="COUNT")["Count"] == 15


def test_batches_and_transactions(dynamodb, table):
    def item(at, **more):
        return {"user": {"S": "u"}, "at": {"N": str(at)}, **more}

    dynamodb.batch_write_item(RequestItems={table.name: [{"PutRequest": {"Item": item(i)}} for i in range(3)]})
    got = dynamodb.batch_get_item(RequestItems={table.name: {"Keys": [item(i) for i in range(4)]}})
    assert sorted(i["at"]["N"] for i in got["Responses"][table.name]) == ["0", "1", "2"] and got["UnprocessedKeys"] == {}
    dynamodb.transact_write_items(TransactItems=[
        {"Put": {"TableName": table.name, "Item": item(9, x={"S": "new"})}},
        {"Delete": {"TableName": table.name, "Key": item(0)}},
        {"Update": {"TableName": table.name, "Key": item(1), "UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": {"N": "7"}}}},
        {"ConditionCheck": {"TableName": table.name, "Key": item(2), "ConditionExpression": "attribute_exists(#u)", "ExpressionAttributeNames": {"#u": "user"}}}])
    read = dynamodb.transact_get_items(TransactItems=[{"Get": {"TableName": table.name, "Key": item(i)}} for i in (9, 0, 1)])["Responses"]
    assert [r.get("Item") for r in read] == [item(9, x={"S": "new"}), None, item(1, x={"N": "7"})]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(TransactItems=[
            {"Put": {"TableName": table.name, "Item": item(20)}},
            {"ConditionCheck": {"TableName": table.name, "Key": item(99), "ConditionExpression": "attribute_exists(#u)", "ExpressionAttributeNames": {"#u": "user"}}}])
    assert [r["Code"] for r in caught.value.response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert "Item" not in dynamodb.get_item(TableName=table.name, Key=item(20))


def test_partiql(dynamodb, table, refused):
    dynamodb.execute_statement(Statement=f'INSERT INTO "{table.name}" VALUE {{\'user\': ?, \'at\': ?, \'x\': ?}}', Parameters=[{"S": "p"}, {"N": "1"}, {"S": "a"}])
    dynamodb.execute_statement(Statement=f'UPDATE "{table.name}" SET x = \'b\' WHERE "user" = \'p\' AND at = 1')
    rows = dynamodb.execute_statement(Statement=f'SELECT x FROM "{table.name}" WHERE "user" = \'p\'')["Items"]
    assert rows == [{"x": {"S": "b"}}]
    answers = dynamodb.batch_execute_statement(Statements=[{"Statement": f'SELECT * FROM "{table.name}" WHERE "user" = \'p\' AND at = 1'}])["Responses"]
    assert answers[0]["Item"]["x"] == {"S": "b"}
    dynamodb.execute_transaction(TransactStatements=[{"Statement": f'DELETE FROM "{table.name}" WHERE "user" = \'p\' AND at = 1'}])
    assert dynamodb.scan(TableName=table.name)["Count"] == 0
    refused("ValidationException", dynamodb.execute_statement, Statement="SELECT FROM")


def test_settings_of_a_table(dynamodb, table, refused):
    arn = dynamodb.describe_table(TableName=table.name)["Table"]["TableArn"]
    dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    assert dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["a"])
    dynamodb.update_continuous_backups(TableName=table.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    backups = dynamodb.describe_continuous_backups(TableName=table.name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert dynamodb.describe_limits()["TableMaxReadCapacityUnits"] > 0
    refused("ResourceNotFoundException", dynamodb.describe_time_to_live, TableName="missing")


def test_changes_are_read_back_in_order(aws, table):
    key = {"user": "u", "at": 1}
    table.put_item(Item={**key, "x": 1})
    table.put_item(Item={**key, "x": 1})  # changes nothing
    table.update_item(Key=key, UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": 2})
    table.delete_item(Key=key)
    streams = aws("dynamodbstreams")
    arn = table.latest_stream_arn
    assert [s["StreamArn"] for s in streams.list_streams(TableName=table.name)["Streams"]] == [arn]
    description = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert description["StreamViewType"] == "NEW_AND_OLD_IMAGES" and description["StreamStatus"] == "ENABLED"
    records = []
    for shard in description["Shards"]:
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    assert [r["eventName"] for r in records] == ["INSERT", "MODIFY", "REMOVE"]
    images = [(r["dynamodb"].get("OldImage", {}).get("x"), r["dynamodb"].get("NewImage", {}).get("x")) for r in records]
    assert images == [(None, {"N": "1"}), ({"N": "1"}, {"N": "2"}), ({"N": "2"}, None)]
    with pytest.raises(streams.exceptions.ResourceNotFoundException):
        streams.describe_stream(StreamArn=arn + "0")
