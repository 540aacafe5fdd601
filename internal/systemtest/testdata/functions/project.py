"""Writes what it is told about into the table TABLE, one item for each event, under its own id."""
import base64
import json
import os

import sigv4


def handler(event, context):
    for item in _items(event):
        sigv4.call("dynamodb", "DynamoDB_20120810.PutItem", {"TableName": os.environ["TABLE"], "Item": item})
    return {"statusCode": 200, "body": "done"}


def _items(event):
    for record in event.get("Records", [{"id": event.get("path", "direct")}]):
        if "kinesis" in record:
            value = json.loads(base64.b64decode(record["kinesis"]["data"]))
            yield {"id": {"S": value["id"]}, "amount": {"N": str(value.get("amount", 0))}}
        elif "dynamodb" in record:
            yield {"id": record["dynamodb"]["Keys"]["id"]}
        elif "Sns" in record:
            yield {"id": {"S": record["Sns"]["Message"]}}
        else:
            yield {"id": {"S": record["id"]}}
