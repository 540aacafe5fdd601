"""The replies of the HTTP functions."""

import json

CORS = {"Access-Control-Allow-Origin": "*"}


def reply(status, value=None):
    if value is None:
        return {"statusCode": status, "headers": CORS, "body": ""}
    headers = {"Content-Type": "application/json", **CORS}
    return {"statusCode": status, "headers": headers, "body": json.dumps(value)}
