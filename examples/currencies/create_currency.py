"""POST /currency: stores a currency and its rate."""

import json
import logging
import os
from decimal import Decimal, InvalidOperation

import boto3

from http_reply import reply

log = logging.getLogger()
log.setLevel(logging.INFO)

table = boto3.resource("dynamodb").Table(os.environ["DYNAMODB_TABLE"])


def handler(event, context):
    try:
        item = currency(event.get("body"))
    except ValueError as problem:
        return reply(400, {"message": str(problem)})
    table.put_item(Item=item)
    log.info("stored %s at %s", item["symbol"], item["rate"])
    return reply(200, item)


def currency(body):
    """The currency that a request's body describes; ValueError says what is wrong with it."""
    try:
        data = json.loads(body or "")
    except json.JSONDecodeError:
        raise ValueError("the body must be JSON") from None
    if not isinstance(data, dict):
        raise ValueError("the body must be a JSON object")
    for field in ("symbol", "rate"):
        if not isinstance(data.get(field), str) or not data[field].strip():
            raise ValueError(f"{field} must be a non-empty string")
    try:
        rate = Decimal(data["rate"])
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or rate <= 0:
        raise ValueError("rate must be a positive decimal number")
    return {"symbol": data["symbol"], "rate": data["rate"]}
