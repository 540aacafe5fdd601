"""DELETE /currency/{symbol}: forgets a currency. Deleting what is not there succeeds too."""

import logging
import os
from urllib.parse import unquote

import boto3

from http_reply import reply

log = logging.getLogger()
log.setLevel(logging.INFO)

table = boto3.resource("dynamodb").Table(os.environ["DYNAMODB_TABLE"])


def handler(event, context):
    symbol = unquote(event["pathParameters"]["symbol"])
    table.delete_item(Key={"symbol": symbol})
    log.info("deleted %s", symbol)
    return reply(200)
