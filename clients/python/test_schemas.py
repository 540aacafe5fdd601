"""Confluent's own serialisers against Leat's registry, and interchange with the Go package serde."""

import base64
import json
import os
import subprocess
import sys

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

MONEY = '{"type":"record","name":"Money","namespace":"bank","fields":[{"name":"amount","type":"long"},{"name":"currency","type":"string"}]}'
PAYMENT = '{"type":"record","name":"Payment","namespace":"bank","fields":[{"name":"id","type":"string"},{"name":"sum","type":"bank.Money"}]}'
VALUE = {"id": "p-1", "sum": {"amount": 1250, "currency": "EUR"}}

MONEY_JSON = '{"$id":"money.json","type":"object","properties":{"amount":{"type":"integer"},"currency":{"type":"string"}},"required":["amount"]}'
PAYMENT_JSON = '{"title":"Payment","type":"object","properties":{"id":{"type":"string"},"sum":{"$ref":"money.json"}},"required":["id","sum"]}'

MONEY_PROTO = 'syntax = "proto3";\npackage bank;\nmessage Money { int64 amount = 1; string currency = 2; }\n'
PAYMENT_PROTO = 'syntax = "proto3";\npackage bank;\nimport "money.proto";\nmessage Other { string x = 1; }\nmessage Payment { string id = 1; Money sum = 2; }\n'


@pytest.fixture(scope="module")
def registry():
    return SchemaRegistryClient({"url": os.environ["LEAT_REGISTRY_URL"]})


def context(topic):
    return SerializationContext(topic, MessageField.VALUE)


def b64(data):
    return base64.b64encode(data).decode()


def referenced(registry, name, key, text, kind):
    registry.register_schema(f"{name}-money", Schema(text, kind))
    return SchemaReference(key, f"{name}-money", 1)


def go_reference(name, key):
    return [{"name": key, "subject": f"{name}-money", "version": 1}]


def test_avro_with_references(registry, serdetool, name):
    schema = Schema(PAYMENT, "AVRO", [referenced(registry, name, "bank.Money", MONEY, "AVRO")])
    data = AvroSerializer(registry, schema)(VALUE, context(name))
    assert AvroDeserializer(registry)(data, context(name)) == VALUE
    read = serdetool("confluent", op="decode", type="AVRO", data=b64(data))
    assert (read["value"], read["format"].lower()) == (VALUE, "confluent")
    written = base64.b64decode(serdetool("confluent", op="encode", type="AVRO", schema=PAYMENT, topic=name, value=VALUE,
                                         references=go_reference(name, "bank.Money"))["data"])
    assert written == data


def test_json_with_references(registry, serdetool, name):
    schema = Schema(PAYMENT_JSON, "JSON", [referenced(registry, name, "money.json", MONEY_JSON, "JSON")])
    serialise = JSONSerializer(schema, registry)
    data = serialise(VALUE, context(name))
    assert JSONDeserializer(None, schema_registry_client=registry)(data, context(name)) == VALUE
    assert serdetool("confluent", op="decode", type="JSON", data=b64(data))["value"] == VALUE
    written = base64.b64decode(serdetool("confluent", op="encode", type="JSON", schema=PAYMENT_JSON, topic=name, value=VALUE,
                                         references=go_reference(name, "money.json"))["data"])
    assert written[:5] == data[:5] and json.loads(written[5:]) == VALUE
    with pytest.raises(SerializationError):
        serialise({"id": 7}, context(name))


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The classes that protoc generates for the payment."""
    folder = tmp_path_factory.mktemp("proto")
    (folder / "money.proto").write_text(MONEY_PROTO)
    (folder / "payment.proto").write_text(PAYMENT_PROTO)
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--python_out={folder}", "money.proto", "payment.proto"], check=True, cwd=folder)
    sys.path.insert(0, str(folder))
    import money_pb2
    import payment_pb2

    yield payment_pb2.Payment(id="p-1", sum=money_pb2.Money(amount=1250, currency="EUR"))
    sys.path.remove(str(folder))


def test_protobuf_with_references(registry, serdetool, name, generated):
    data = ProtobufSerializer(type(generated), registry)(generated, context(name))
    assert ProtobufDeserializer(type(generated), schema_registry_client=registry)(data, context(name)) == generated
    read = serdetool("confluent", op="decode", type="PROTOBUF", data=b64(data))["value"]
    assert (read["id"], int(read["sum"]["amount"]), read["sum"]["currency"]) == ("p-1", 1250, "EUR")
    registry.register_schema(f"{name}-money", Schema(MONEY_PROTO, "PROTOBUF"))
    written = base64.b64decode(serdetool("confluent", op="encode", type="PROTOBUF", schema=PAYMENT_PROTO, topic=name, message="bank.Payment",
                                         value=VALUE, references=go_reference(name, "money.proto"))["data"])
    assert ProtobufDeserializer(type(generated), schema_registry_client=registry)(written, context(name)) == generated


def test_a_breaking_schema_is_refused_and_a_compatible_one_evolves(registry, name):
    subject = name + "-value"
    registry.register_schema(subject, Schema(MONEY, "AVRO"))
    wider = MONEY.replace("}]}", '},{"name":"note","type":"string","default":""}]}')
    broken = MONEY.replace("}]}", '},{"name":"note","type":"string"}]}')
    with pytest.raises(SchemaRegistryError) as caught:
        registry.register_schema(subject, Schema(broken, "AVRO"))
    assert (caught.value.http_status_code, caught.value.error_code) == (409, 409)
    assert registry.test_compatibility(subject, Schema(wider, "AVRO"))
    registry.register_schema(subject, Schema(wider, "AVRO"))
    assert registry.get_versions(subject) == [1, 2]
    old = AvroSerializer(registry, Schema(MONEY, "AVRO"), conf={"auto.register.schemas": False})({"amount": 1, "currency": "EUR"}, context(name))
    assert AvroDeserializer(registry, wider)(old, context(name)) == {"amount": 1, "currency": "EUR", "note": ""}
    with pytest.raises(SchemaRegistryError) as caught:
        registry.get_latest_version("missing")
    assert caught.value.error_code == 40401


def test_both_faces_show_one_schema(aws, registry, name):
    registry.register_schema(name, Schema(MONEY, "AVRO"))
    glue = aws("glue")
    found = [s for p in glue.get_paginator("list_schemas").paginate() for s in p["Schemas"] if s["SchemaName"] == name]
    assert len(found) == 1
    version = glue.get_schema_version(SchemaId={"SchemaArn": found[0]["SchemaArn"]}, SchemaVersionNumber={"LatestVersion": True})
    assert json.loads(version["SchemaDefinition"]) == json.loads(MONEY)
