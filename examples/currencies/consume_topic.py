"""Keeps a map of rates up to date by what the topic tells."""

import json
import logging

log = logging.getLogger()
log.setLevel(logging.INFO)

# Lives as long as the warm instance: about five minutes without a change.
currencies = {}
# The last change seen of each symbol. Messages may come twice or out of order.
seen = {}


def handler(event, context):
    for record in event["Records"]:
        sns = record["Sns"]
        apply(json.loads(sns["Message"]), int(sns["MessageAttributes"]["sequence"]["Value"]))
    log.info("currency map: %s", json.dumps(currencies))


def apply(change, sequence):
    data = change["data"]
    if sequence <= seen.get(data["symbol"], -1):
        return
    seen[data["symbol"]] = sequence
    if change["type"] == "REMOVE":
        currencies.pop(data["symbol"], None)
    else:
        currencies[data["symbol"]] = data["rate"]
