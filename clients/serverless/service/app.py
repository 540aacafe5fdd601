import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event.get("Records", []):
        table.put_item(Item={"name": record["body"]})
    if "Records" not in event:
        name = event["pathParameters"]["name"]
        table.put_item(Item={"name": name})
        return {"statusCode": 200, "body": json.dumps({"hello": name})}
