"""Calls an AWS API of the JSON protocol, with nothing but the standard library."""
import datetime
import hashlib
import hmac
import http.client
import json
import os
import urllib.parse


def call(service, target, request):
    where = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    body = json.dumps(request).encode()
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": where.netloc,
        "x-amz-date": stamp,
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
        "x-amz-target": target,
    }
    headers["authorization"] = _authorization(service, stamp, headers, body)
    conn = http.client.HTTPConnection(where.netloc, timeout=60)
    try:
        conn.request("POST", "/", body, headers)
        reply = conn.getresponse()
        text = reply.read().decode()
    finally:
        conn.close()
    if reply.status != 200:
        raise RuntimeError(text)
    return json.loads(text)


def _authorization(service, stamp, headers, body):
    signed = ";".join(sorted(headers))
    canonical = "\n".join(
        ["POST", "/", ""] + [f"{k}:{headers[k]}" for k in sorted(headers)] + ["", signed, hashlib.sha256(body).hexdigest()]
    )
    scope = [stamp[:8], os.environ["AWS_REGION"], service, "aws4_request"]
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope + [text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    credential = os.environ["AWS_ACCESS_KEY_ID"] + "/" + "/".join(scope)
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={key.hex()}"
