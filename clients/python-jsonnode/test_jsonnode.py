import base64
import json
import uuid

import pytest
from jsonnode import JSONNode, JSONNodeError, insert, remove

ID = "00000000-0000-0000-0000-000000000001"
NODE = f'"schemaVersionId":"{ID}"'
SCHEMA = """{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["metadata","body"],"properties":{
 "metadata":{"type":"object"},"body":{"type":"object","required":["newStatus"],"properties":{"newStatus":{"enum":["DRAFT","APPROVED"]}}}}}"""
EVENT = '{"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"c-1"},"body":{"name":"Zo\\u00eb","balance":1.50,"newStatus":"APPROVED"}}'


def test_the_node_is_all_that_is_added():
    assert insert(EVENT, ID) == EVENT.replace('"c-1"}', '"c-1",' + NODE + "}")
    assert insert('{"metadata":{}}', ID) == '{"metadata":{' + NODE + "}}"


@pytest.mark.parametrize("text", [EVENT, '{"metadata":{}}', '{"metadata" : { } }', ' { "metadata": {"half":"\\ud800" , "n":-0 } } ',
                                  '{"a":[{"metadata":{}}],"metadata":{"m":{"schemaVersionId":"x"}}}', '{"metadata":{"n":1e400,"b":"}{,\\""}}'])
def test_what_is_taken_out_leaves_the_text_it_was_put_into(text):
    assert remove(insert(text, ID)) == (ID, text)


@pytest.mark.parametrize("framed, rest", [
    ('{"metadata":{' + NODE + ',"a":1}}', '{"metadata":{"a":1}}'),
    ('{"metadata":{"a":1,' + NODE + ',"b":2}}', '{"metadata":{"a":1,"b":2}}'),
    ('{ "metadata" : { "a" : 1 , ' + NODE + " } }", '{ "metadata" : { "a" : 1 } }'),
])
def test_the_node_is_taken_out_wherever_it_stands(framed, rest):
    assert remove(framed) == (ID, rest)


def test_other_pointers():
    assert insert('{"a/b":{"~":{}}}', ID, "/a~1b/~0/id") == '{"a/b":{"~":{"id":"' + ID + '"}}}'
    assert remove('{"id":"' + ID + '"}', "/id") == (ID, "{}")


@pytest.mark.parametrize("text", ["", "[]", "1", "{", '{"metadata":1}', "{}", '{"metadata":{"a":1,"a":2}}', '{"metadata":{}}x', '{"metadata":{"x":NaN}}', "[" * 100_000])
def test_what_cannot_hold_a_node_is_refused(text):
    with pytest.raises(JSONNodeError):
        insert(text, ID)
    with pytest.raises(JSONNodeError):
        remove(text)


@pytest.mark.parametrize("node", ['"x"', "7", "null", '{"a":1}'])
def test_what_is_no_id_is_refused(node):
    with pytest.raises(JSONNodeError):
        remove('{"metadata":{"schemaVersionId":%s}}' % node)


def test_events_are_framed_checked_and_read_back(aws, name):
    frames = JSONNode(aws("glue"), name, SCHEMA)
    data = frames.encode(EVENT)
    version_id, text = remove(data.decode())
    assert text == EVENT and str(uuid.UUID(version_id)) == version_id
    assert JSONNode(aws("glue")).decode(data) == EVENT.encode()
    with pytest.raises(JSONNodeError, match="body.newStatus"):
        frames.encode(EVENT.replace("APPROVED", "GONE"))
    with pytest.raises(JSONNodeError, match="body.newStatus"):
        JSONNode(aws("glue")).decode(data.replace(b"APPROVED", b"GONE"))
    with pytest.raises(aws("glue").exceptions.EntityNotFoundException):
        JSONNode(aws("glue"), name + "-other", SCHEMA, auto_register=False).encode(EVENT)


def test_go_reads_what_python_writes_and_the_reverse(aws, serdetool, name):
    frames = JSONNode(aws("glue"), name, SCHEMA)
    read = serdetool("glue", op="decode", type="JSON", data=base64.b64encode(frames.encode(EVENT)).decode())
    assert base64.b64decode(read["payload"]) == EVENT.encode()
    written = serdetool("glue", op="encode", type="JSON", format="jsonnode", schema=SCHEMA, topic=name, value=json.loads(EVENT))["data"]
    assert json.loads(frames.decode(base64.b64decode(written))) == json.loads(EVENT)
    assert remove(base64.b64decode(written).decode())[0] == remove(frames.encode(EVENT).decode())[0]
