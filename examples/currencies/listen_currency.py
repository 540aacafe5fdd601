"""Tells the topic of every change of the table."""

import json
import logging
import os

import boto3

log = logging.getLogger()
log.setLevel(logging.INFO)

sns = boto3.client("sns")
topic = os.environ["SNS_TOPIC"]


def handler(event, context):
    for record in event["Records"]:
        try:
            publish(record)
        except Exception:
            # What came before was published and is not repeated; this record and
            # what stands behind it come again, so the order of the changes holds.
            sequence = record["dynamodb"]["SequenceNumber"]
            log.exception("could not publish change %s", sequence)
            return {"batchItemFailures": [{"itemIdentifier": sequence}]}
    return {"batchItemFailures": []}


def publish(record):
    # A topic does not keep the order of its messages; the number lets receivers restore it.
    sequence = {"DataType": "String", "StringValue": record["dynamodb"]["SequenceNumber"]}
    sns.publish(
        TopicArn=topic,
        Message=json.dumps(message(record)),
        MessageAttributes={"sequence": sequence},
    )


def message(record):
    """What the topic is told of a change. A removed currency has no rate any more."""
    change = record["dynamodb"]
    data = {"symbol": change["Keys"]["symbol"]["S"]}
    if "NewImage" in change:
        data["rate"] = change["NewImage"]["rate"]["S"]
    return {"type": record["eventName"], "data": data}
