"""What DynamoDB refuses, word for word: SDK users match on these texts."""

import boto3
import pytest
from botocore.config import Config

ENVELOPE = "1 validation error detected: "
INVALID = "One or more parameter values were invalid: "


@pytest.fixture(scope="module")
def raw():
    """A client that sends what it is given, without checking it first."""
    return boto3.client("dynamodb", config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))


@pytest.fixture(scope="module")
def pairs(raw):
    """A table of pk (S) and sk (N) with a local and a global index by g."""
    name = "refusals-pairs"
    raw.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in (("pk", "S"), ("sk", "N"), ("g", "S"))],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[{"IndexName": "lsi", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "g", "KeyType": "RANGE"}],
                                "Projection": {"ProjectionType": "KEYS_ONLY"}}],
        GlobalSecondaryIndexes=[{"IndexName": "gsi", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "KEYS_ONLY"}}])
    raw.get_waiter("table_exists").wait(TableName=name)
    yield name
    raw.delete_table(TableName=name)


KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}


def item(**more):
    return {**KEY, **more}


def nested(levels):
    value = {"S": "x"}
    for _ in range(levels - 1):
        value = {"L": [value]}
    return value


PUTS = [
    ({"pk": {"S": "a"}}, INVALID + "Missing the key sk in the item"),
    ({"pk": {"N": "1"}, "sk": {"N": "1"}}, INVALID + "Type mismatch for key pk expected: S actual: N"),
    ({"pk": {"S": ""}, "sk": {"N": "1"}}, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"),
    ({"pk": {"S": "x" * 2049}, "sk": {"N": "1"}}, INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
    (item(g={"N": "1"}), INVALID + "Type mismatch for Index Key g Expected: S Actual: N IndexName: lsi"),
    (item(n={"N": "x"}), ENVELOPE + "The parameter cannot be converted to a numeric value: x"),
    (item(n={"N": "1" * 39}), ENVELOPE + "Attempting to store more than 38 significant digits in a Number"),
    (item(n={"N": "1e126"}), ENVELOPE + "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    (item(n={"N": "1e-131"}), ENVELOPE + "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
    (item(s={"SS": []}), ENVELOPE + INVALID + "An string set  may not be empty"),
    (item(s={"SS": ["a", "a"]}), ENVELOPE + INVALID + 'Input collection ["a", "a"] contains duplicates.'),
    (item(s={}), ENVELOPE + "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
    (item(s={"S": "a", "N": "1"}), ENVELOPE + "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"),
    (item(s={"NULL": False}), ENVELOPE + INVALID + "Null attribute value types must have the value of true"),
    (item(d=nested(33)), ENVELOPE + "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"),
    (item(x={"S": "x" * 409600}), "Item size has exceeded the maximum allowed size"),
]


@pytest.mark.parametrize("put,message", PUTS, ids=[m[-40:] for _, m in PUTS])
def test_items_that_cannot_be_stored(raw, pairs, refused, put, message):
    assert refused("ValidationException", raw.put_item, TableName=pairs, Item=put) == message


def test_an_item_at_the_limits_is_stored(raw, pairs):
    whole = item(d=nested(32), n={"N": "9." + "9" * 37 + "e125"}, m={"N": "1e-130"})
    raw.put_item(TableName=pairs, Item=whole)
    got = raw.get_item(TableName=pairs, Key=KEY)["Item"]
    assert got["n"]["N"] == "9" * 38 + "0" * 88 and got["d"] == whole["d"]


UPDATES = [
    ("SET a = ", {}, 'Syntax error; token: "<EOF>", near: "="'),
    ("SET a :v", {":v": {"N": "1"}}, 'Syntax error; token: ":v", near: "a :v"'),
    ("", {}, "The expression can not be empty;"),
    ("SET a = :v SET b = :v", {":v": {"N": "1"}}, 'The "SET" section can only be used once in an update expression;'),
    ("SET a = :v, a.b = :v", {":v": {"N": "1"}}, "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"),
    ("SET a[1] = :v, a.b = :v", {":v": {"N": "1"}}, "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, [1]], path two: [a, b]"),
    ("SET size = :v", {":v": {"N": "1"}}, "Attribute name is a reserved keyword; reserved keyword: size"),
    ("SET a = :w", {":v": {"N": "1"}}, "An expression attribute value used in expression is not defined; attribute value: :w"),
    ("SET #n = :v", {":v": {"N": "1"}}, "An expression attribute name used in the document path is not defined; attribute name: #n"),
    ("ADD a :v", {":v": {"S": "1"}}, "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"),
    ("SET a = foo(:v)", {":v": {"S": "1"}}, "Invalid function name; function: foo"),
]


@pytest.mark.parametrize("update,values,message", UPDATES, ids=[u[0] or "empty" for u in UPDATES])
def test_updates_that_cannot_be_read(raw, pairs, refused, update, values, message):
    arguments = {"ExpressionAttributeValues": values} if values else {}
    got = refused("ValidationException", raw.update_item, TableName=pairs, Key=KEY, UpdateExpression=update, **arguments)
    assert got == ENVELOPE + "Invalid UpdateExpression: " + message


def test_updates_that_do_not_fit_the_item(raw, pairs, refused):
    raw.put_item(TableName=pairs, Item=item(s={"S": "x"}))

    def update(expression, **values):
        return refused("ValidationException", raw.update_item, TableName=pairs, Key=KEY, UpdateExpression=expression,
                       ExpressionAttributeValues={":" + k: v for k, v in values.items()})

    assert update("SET nope.b = :v", v={"N": "1"}) == "The document path provided in the update expression is invalid for update"
    assert update("SET a = nope + :v", v={"N": "1"}) == "The provided expression refers to an attribute that does not exist in the item"
    assert update("SET a = s + :v", v={"N": "1"}) == "An operand in the update expression has an incorrect data type"
    assert update("SET sk = :v", v={"N": "1"}) == INVALID + "Cannot update attribute sk. This attribute is part of the key"
    assert update("SET g = :v", v={"S": ""}).endswith("cannot contain an empty string value. IndexName: lsi, IndexKey: g")


QUERIES = [
    ({}, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
    ({"KeyConditionExpression": "sk = :n"}, "Query condition missed key schema element: pk"),
    ({"KeyConditionExpression": "pk < :p"}, "Query key condition not supported"),
    ({"KeyConditionExpression": "pk = :p OR sk = :n"}, "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: OR"),
    ({"KeyConditionExpression": "pk = :n"}, INVALID + "Condition parameter type does not match schema type"),
    ({"KeyConditionExpression": "pk = :p", "IndexName": "nope"}, "The table does not have the specified index: nope"),
    ({"KeyConditionExpression": "g = :p", "IndexName": "gsi", "ConsistentRead": True}, "Consistent reads are not supported on global secondary indexes"),
    ({"KeyConditionExpression": "g = :p", "IndexName": "gsi", "ProjectionExpression": "y"}, INVALID + "Global secondary index gsi does not project [y]"),
    ({"KeyConditionExpression": "pk = :p", "FilterExpression": "sk = :n"}, "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"),
    ({"KeyConditionExpression": "pk = :p", "Select": "COUNT", "ProjectionExpression": "x"}, ENVELOPE + "Cannot specify the ProjectionExpression when choosing to get only the Count"),
    ({"KeyConditionExpression": "pk = :p", "ExclusiveStartKey": {"pk": {"S": "b"}, "sk": {"N": "1"}}}, "The provided starting key is outside query boundaries based on provided conditions"),
    ({"KeyConditionExpression": "pk = :p", "QueryFilter": {}},
     "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {QueryFilter} Expression parameters: {KeyConditionExpression}"),
]


@pytest.mark.parametrize("arguments,message", QUERIES, ids=[m[:50] for _, m in QUERIES])
def test_queries_that_do_not_fit_the_table(raw, pairs, refused, arguments, message):
    text = "".join(v for v in arguments.values() if isinstance(v, str))
    values = {k: v for k, v in {":p": {"S": "a"}, ":n": {"N": "1"}}.items() if k in text}
    if values:
        arguments = {**arguments, "ExpressionAttributeValues": values}
    assert refused("ValidationException", raw.query, TableName=pairs, **arguments) == message


def test_placeholders_are_all_used(raw, pairs, refused):
    unused = "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"
    assert refused("ValidationException", raw.get_item, TableName=pairs, Key=KEY, ProjectionExpression="x", ExpressionAttributeNames={"#a": "a"}) == unused
    assert refused("ValidationException", raw.delete_item, TableName=pairs, Key=KEY, ConditionExpression="x = :v", ExpressionAttributeValues={}) == ENVELOPE + "ExpressionAttributeValues must not be empty"
    assert refused("ValidationException", raw.get_item, TableName=pairs, Key={"pk": {"S": "a"}}) == "The provided key element does not match the schema"


def test_several_errors_are_told_at_once(raw, refused):
    got = refused("ValidationException", raw.create_table, TableName="a!", KeySchema=[], AttributeDefinitions=[])
    assert got == ("3 validation errors detected: Value 'a!' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3; "
                   "Value 'a!' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "
                   "Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length greater than or equal to 1")


def test_batches_and_transactions_that_make_no_sense(raw, pairs, refused):
    put = {"PutRequest": {"Item": KEY}}
    assert refused("ValidationException", raw.batch_write_item, RequestItems={pairs: [put, put]}) == "Provided list of item keys contains duplicates"
    assert refused("ValidationException", raw.batch_get_item, RequestItems={pairs: {"Keys": [KEY, KEY]}}) == "Provided list of item keys contains duplicates"
    act = {"Put": {"TableName": pairs, "Item": KEY}}
    assert refused("ValidationException", raw.transact_write_items, TransactItems=[act, act]) == "Transaction request cannot include multiple operations on one item"
    assert refused("TransactionCanceledException", raw.transact_write_items, TransactItems=[act, {"Delete": {"TableName": pairs, "Key": {"pk": {"S": "a"}}}}]) == \
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ValidationError]"
    assert refused("ResourceNotFoundException", raw.put_item, TableName="missing", Item=KEY) == "Requested resource not found"
    assert refused("ResourceNotFoundException", raw.describe_table, TableName="missing") == "Requested resource not found: Table: missing not found"
