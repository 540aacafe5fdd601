"""Extracts compact, docs-free models from botocore's service descriptions.

Run by hand with `go generate ./internal/wire/model` after
`pip install --upgrade botocore`; the result is committed. What survives is what
the wire needs: how each member travels, its constraints, and the error shapes.
Every service becomes data/ID.json.gz; what dispatch needs before any model is
parsed becomes index_gen.go.
"""

import gzip
import json
import pathlib
import re

import botocore
import botocore.loaders

HERE = pathlib.Path(__file__).resolve().parent.parent

# The schema registry is the only part of glue that is served.
GLUE = re.compile(r"Registr|Schema(?!Mapping)|^(Tag|Untag)Resource$|^GetTags$")

SERVICES = [
    "apigateway", "apigatewayv2", "cloudformation", "cloudwatch", "dynamodb",
    "dynamodbstreams", "glue", "iam", "kinesis", "lambda", "logs", "s3",
    "sns", "sqs", "sts",
]


# SQS's description has forgotten the names of its older query protocol, which
# clients still speak: those of members (by structure where they differ), of the
# entries of maps and of errors.
QUERY_MEMBERS = {"sqs": {
    "Attributes": "Attribute", "AttributeNames": "AttributeName", "MessageAttributes": "MessageAttribute",
    "MessageAttributeNames": "MessageAttributeName", "MessageSystemAttributes": "MessageSystemAttribute",
    "MessageSystemAttributeNames": "MessageSystemAttributeName", "StringListValues": "StringListValue",
    "BinaryListValues": "BinaryListValue", "AWSAccountIds": "AWSAccountId", "Actions": "ActionName", "Tags": "Tag",
    "tags": "Tag", "TagKeys": "TagKey", "Messages": "Message", "QueueUrls": "QueueUrl", "queueUrls": "QueueUrl",
    "Failed": "BatchResultErrorEntry", "Results": "ListMessageMoveTasksResultEntry",
    "SendMessageBatchRequest.Entries": "SendMessageBatchRequestEntry",
    "DeleteMessageBatchRequest.Entries": "DeleteMessageBatchRequestEntry",
    "ChangeMessageVisibilityBatchRequest.Entries": "ChangeMessageVisibilityBatchRequestEntry",
    "SendMessageBatchResult.Successful": "SendMessageBatchResultEntry",
    "DeleteMessageBatchResult.Successful": "DeleteMessageBatchResultEntry",
    "ChangeMessageVisibilityBatchResult.Successful": "ChangeMessageVisibilityBatchResultEntry",
}}
QUERY_ENTRIES = {"sqs": {"TagMap": ("Key", "Value"), "": ("Name", "Value")}}

SQS_CODE = "AWS.SimpleQueueService."
QUERY_CODES = {"sqs": {
    "QueueDoesNotExist": SQS_CODE + "NonExistentQueue", "QueueNameExists": "QueueAlreadyExists"} | {
    n: SQS_CODE + n for n in (
        "BatchEntryIdsNotDistinct", "BatchRequestTooLong", "EmptyBatchRequest", "InvalidBatchEntryId", "MessageNotInflight",
        "PurgeQueueInProgress", "QueueDeletedRecently", "TooManyEntriesInBatchRequest", "UnsupportedOperation")}}
QUERY_NAMESPACES = {"sqs": "http://queue.amazonaws.com/doc/2012-11-05/"}


def query_names(sid, shapes):
    """Adds the forgotten names to a service's compact shapes."""
    members, entries = QUERY_MEMBERS.get(sid, {}), QUERY_ENTRIES.get(sid)
    for name, s in shapes.items():
        if name in QUERY_CODES.get(sid, {}):
            s["ec"] = QUERY_CODES[sid][name]
        for m in s.get("m", ()):
            q = members.get(f"{name}.{m['n']}") or members.get(m["n"])
            if q:
                m["q"] = q
        if s["t"] == "map" and entries:
            s["k"]["q"], s["v"]["q"] = entries.get(name, entries[""])


def reference(ref):
    """What a member, list element, map key or map value says about its target."""
    out = {"s": ref["shape"]}
    for short, key in (("w", "locationName"), ("l", "location"), ("q", "queryName"),
                       ("ts", "timestampFormat")):
        if ref.get(key):
            out[short] = ref[key]
    for short, key in (("fl", "flattened"), ("xa", "xmlAttribute"), ("it", "idempotencyToken"),
                       ("eh", "eventheader"), ("ep", "eventpayload"), ("st", "streaming")):
        if ref.get(key):
            out[short] = 1
    if ref.get("xmlNamespace"):
        out["ns"] = ref["xmlNamespace"]["uri"]
    return out


def shape(s):
    out = {"t": s["type"]}
    required = set(s.get("required", ()))
    if s["type"] == "structure":
        members = []
        for name, ref in s["members"].items():
            m = {"n": name} | reference(ref)
            if name in required:
                m["r"] = 1
            members.append(m)
        out["m"] = members
    elif s["type"] == "list":
        out["e"] = reference(s["member"])
    elif s["type"] == "map":
        out["k"], out["v"] = reference(s["key"]), reference(s["value"])
    for short, key in (("min", "min"), ("max", "max"), ("pat", "pattern"), ("en", "enum"),
                       ("p", "payload"), ("ts", "timestampFormat"), ("w", "locationName")):
        if key in s:
            out[short] = s[key]
    for short, key in (("fl", "flattened"), ("u", "union"), ("x", "exception"), ("es", "eventstream"),
                       ("ev", "event"), ("d", "document"), ("st", "streaming"), ("f", "fault")):
        if s.get(key):
            out[short] = 1
    err = s.get("error") or {}
    for short, key in (("ec", "code"), ("est", "httpStatusCode")):
        if err.get(key):
            out[short] = err[key]
    if err.get("senderFault") is False or err.get("fault"):
        out["f"] = 1
    if s.get("xmlNamespace"):
        out["ns"] = s["xmlNamespace"] if isinstance(s["xmlNamespace"], str) else s["xmlNamespace"]["uri"]
    return out


def operation(o):
    out = {"m": o["http"]["method"], "u": o["http"]["requestUri"]}
    if "responseCode" in o["http"]:
        out["c"] = o["http"]["responseCode"]
    for short, key in (("i", "input"), ("o", "output")):
        if key in o:
            out[short] = o[key]["shape"]
    if o.get("output", {}).get("resultWrapper"):
        out["w"] = o["output"]["resultWrapper"]
    if o.get("errors"):
        out["e"] = [e["shape"] for e in o["errors"]]
    if o.get("authtype") == "none":
        out["a"] = 1
    return out


def reachable(model, operations):
    seen, todo = set(), []
    for o in operations.values():
        todo += [o[k]["shape"] for k in ("input", "output") if k in o]
        todo += [e["shape"] for e in o.get("errors", ())]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        s = model["shapes"][name]
        todo += [m["shape"] for m in s.get("members", {}).values()]
        todo += [s[k]["shape"] for k in ("member", "key", "value") if k in s]
    return seen


def quote(s):
    return json.dumps(s)


def main():
    loader = botocore.loaders.Loader()
    rows = []
    for sid in SERVICES:
        model = loader.load_service_model(sid, "service-2")
        md = model["metadata"]
        ops = {n: o for n, o in model["operations"].items() if sid != "glue" or GLUE.search(n)}
        keep = reachable(model, ops)
        compact = {
            "ops": {n: operation(o) for n, o in sorted(ops.items())},
            "shapes": {n: shape(model["shapes"][n]) for n in sorted(keep)},
        }
        query_names(sid, compact["shapes"])
        raw = json.dumps(compact, separators=(",", ":"), sort_keys=True).encode()
        (HERE / "data" / f"{sid}.json.gz").write_bytes(gzip.compress(raw, 9, mtime=0))
        protocols = md.get("protocols") or [md["protocol"]]
        names = ", ".join(quote(p) for p in protocols)
        rows.append(
            "\t{ID: %s, Protocols: []string{%s}, JSONVersion: %s, TargetPrefix: %s,\n"
            "\t\tSigningName: %s, EndpointPrefix: %s, APIVersion: %s, Namespace: %s, QueryCompatible: %s},\n" % (
                quote(sid), names, quote(md.get("jsonVersion", "")), quote(md.get("targetPrefix", "")),
                quote(md.get("signingName") or md["endpointPrefix"]), quote(md["endpointPrefix"]),
                quote(md["apiVersion"]), quote(QUERY_NAMESPACES.get(sid) or md.get("xmlNamespace", "")),
                "true" if "awsQueryCompatible" in md else "false"))
    (HERE / "index_gen.go").write_text(
        "// Code generated by gen/gen.py from botocore %s. DO NOT EDIT.\n\npackage model\n\n"
        "var index = []Info{\n%s}\n" % (botocore.__version__, "".join(rows)))


if __name__ == "__main__":
    main()
