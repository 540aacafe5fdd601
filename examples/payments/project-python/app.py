"""Keeps the read model: decodes each message of the stream by the schema it names, and saves it in the table."""

import base64
import functools
import io
import json
import logging
import os
import struct
import urllib.request
from pathlib import Path

import boto3
from boto3.dynamodb.conditions import Attr
from fastavro import parse_schema, schemaless_reader

log = logging.getLogger()

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
registry = os.environ["REGISTRY_URL"]

# Whatever version wrote a message, it is read as the newest: fields that it lacks have their defaults.
READER = parse_schema(json.loads((Path(__file__).parent / "payment.avsc").read_text()))

HEADER = struct.Struct(">bI")  # a zero byte and the schema's id stand in front of the value
SEQUENCE_DIGITS = 64  # wider than any sequence number of Kinesis


def handler(event, context):
    """Handles records in their order. The first that fails is reported: it and all behind it come again."""
    for record in event["Records"]:
        try:
            save(decode(base64.b64decode(record["kinesis"]["data"])), record)
        except Exception:
            log.exception("record %s", record["eventID"])
            return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
    return {"batchItemFailures": []}


@functools.cache  # an id never changes its meaning
def writer(schema_id):
    with urllib.request.urlopen(f"{registry}/schemas/ids/{schema_id}", timeout=5) as reply:
        return parse_schema(json.loads(json.load(reply)["schema"]))


def decode(message):
    magic, schema_id = HEADER.unpack_from(message)
    if magic != 0:
        raise ValueError("the message names no schema")
    return schemaless_reader(io.BytesIO(message[HEADER.size :]), writer(schema_id), READER)


def save(payment, record):
    """Saves a payment unless the item shows a newer message, or this one, already: messages are repeated."""
    shard = record["eventID"].split(":")[0]
    # A text that sorts as sequence numbers do; the other consumers write the same, so that each can take over.
    sequence = record["kinesis"]["sequenceNumber"].zfill(SEQUENCE_DIGITS) + ".000000"
    item = {
        **{name: payment[name] for name in ("id", "account", "payee", "currency", "reference")},
        "amount": f"{payment['amount'] // 100}.{payment['amount'] % 100:02d}",
        "madeAt": payment["madeAt"].strftime("%Y-%m-%dT%H:%M:%S.") + f"{payment['madeAt'].microsecond // 1000:03d}Z",
        "_shard": shard,
        "_sequence": sequence,
    }
    newer = Attr("_sequence").not_exists() | Attr("_shard").ne(shard) | Attr("_sequence").lt(sequence)
    try:
        table.put_item(Item=item, ConditionExpression=newer)
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        pass  # saved before
