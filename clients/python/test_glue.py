"""Every operation of Glue's schema registry through boto3: what is promised, its limits and its refusals."""

import json
import os
import urllib.error
import urllib.request

import pytest

V1 = '{"type":"record","name":"Payment","fields":[{"name":"id","type":"string"}]}'
V2 = '{"type":"record","name":"Payment","fields":[{"name":"id","type":"string"},{"name":"note","type":"string","default":""}]}'
V3 = '{"type":"record","name":"Payment","fields":[{"name":"id","type":"string"},{"name":"note","type":"string","default":""},{"name":"n","type":"int","default":0}]}'
BREAKING = '{"type":"record","name":"Payment","fields":[{"name":"id","type":"string"},{"name":"sum","type":"long"}]}'

UNKNOWN = "6b4e4e1a-0000-4000-8000-000000000000"
LATEST = {"LatestVersion": True}


@pytest.fixture
def glue(aws):
    return aws("glue")


@pytest.fixture
def registry(glue, name):
    """A registry of the test's own."""
    glue.create_registry(RegistryName=name)
    yield name
    glue.delete_registry(RegistryId={"RegistryName": name})


@pytest.fixture
def payments(glue, registry):
    """The id of a schema with one version."""
    glue.create_schema(RegistryId={"RegistryName": registry}, SchemaName="payments", DataFormat="AVRO", Compatibility="BACKWARD", SchemaDefinition=V1)
    return {"RegistryName": registry, "SchemaName": "payments"}


def number(n):
    return {"VersionNumber": n}


def test_registries(glue, name, refused):
    made = glue.create_registry(RegistryName=name, Description="of the east", Tags={"team": "payments"})
    arn = made["RegistryArn"]
    assert arn == f"arn:aws:glue:us-east-1:000000000000:registry/{name}"
    assert (made["RegistryName"], made["Description"], made["Tags"]) == (name, "of the east", {"team": "payments"})
    assert "already exists" in refused("AlreadyExistsException", glue.create_registry, RegistryName=name)
    updated = glue.update_registry(RegistryId={"RegistryArn": arn}, Description="changed")
    assert (updated["RegistryName"], updated["RegistryArn"]) == (name, arn)
    got = glue.get_registry(RegistryId={"RegistryName": name})
    assert (got["Description"], got["Status"]) == ("changed", "AVAILABLE") and got["CreatedTime"] and got["UpdatedTime"]
    listed = [r for page in glue.get_paginator("list_registries").paginate(MaxResults=1) for r in page["Registries"]]
    assert name in [r["RegistryName"] for r in listed]
    assert glue.delete_registry(RegistryId={"RegistryName": name})["Status"] == "DELETING"
    refused("EntityNotFoundException", glue.get_registry, RegistryId={"RegistryName": name})
    refused("EntityNotFoundException", glue.delete_registry, RegistryId={"RegistryName": name})
    refused("EntityNotFoundException", glue.update_registry, RegistryId={"RegistryName": name}, Description="x")
    refused("InvalidInputException", glue.get_registry, RegistryId={"RegistryName": name, "RegistryArn": arn})


def test_schemas(glue, registry, refused):
    at = {"RegistryName": registry}
    made = glue.create_schema(RegistryId=at, SchemaName="s", DataFormat="AVRO", Compatibility="FULL_ALL", Description="d", Tags={"a": "b"}, SchemaDefinition=V1)
    assert made["SchemaArn"] == f"arn:aws:glue:us-east-1:000000000000:schema/{registry}/s"
    assert (made["SchemaVersionStatus"], made["LatestSchemaVersion"], made["NextSchemaVersion"], made["SchemaCheckpoint"]) == ("AVAILABLE", 1, 2, 1)
    assert (made["SchemaStatus"], made["Compatibility"], made["DataFormat"], made["Tags"]) == ("AVAILABLE", "FULL_ALL", "AVRO", {"a": "b"})
    refused("AlreadyExistsException", glue.create_schema, RegistryId=at, SchemaName="s", DataFormat="AVRO", SchemaDefinition=V1)
    refused("InvalidInputException", glue.create_schema, RegistryId=at, SchemaName="bad", DataFormat="AVRO", SchemaDefinition="{")
    refused("EntityNotFoundException", glue.create_schema, RegistryId={"RegistryName": registry + "x"}, SchemaName="s", DataFormat="AVRO", SchemaDefinition=V1)
    by_arn = {"SchemaArn": made["SchemaArn"]}
    got = glue.get_schema(SchemaId=by_arn)
    assert (got["SchemaName"], got["RegistryName"], got["Description"], got["LatestSchemaVersion"]) == ("s", registry, "d", 1)
    glue.create_schema(RegistryId=at, SchemaName="t", DataFormat="JSON", SchemaDefinition='{"type":"object"}')
    pages = list(glue.get_paginator("list_schemas").paginate(RegistryId=at, MaxResults=1))
    assert [s["SchemaName"] for p in pages for s in p["Schemas"]] == ["s", "t"] and len(pages) >= 2
    refused("EntityNotFoundException", glue.list_schemas, RegistryId={"RegistryName": registry + "x"})
    refused("InvalidInputException", glue.list_schemas, NextToken="junk")
    glue.update_schema(SchemaId=by_arn, Compatibility="NONE", SchemaVersionNumber=LATEST, Description="e")
    got = glue.get_schema(SchemaId=by_arn)
    assert (got["Compatibility"], got["Description"]) == ("NONE", "e")
    refused("InvalidInputException", glue.update_schema, SchemaId=by_arn)
    assert glue.delete_schema(SchemaId=by_arn)["Status"] == "DELETING"
    assert refused("EntityNotFoundException", glue.get_schema, SchemaId=by_arn) == "Schema is not found."
    refused("EntityNotFoundException", glue.delete_schema, SchemaId=by_arn)


def test_versions(glue, payments, refused):
    second = glue.register_schema_version(SchemaId=payments, SchemaDefinition=V2)
    assert (second["VersionNumber"], second["Status"]) == (2, "AVAILABLE")
    again = glue.register_schema_version(SchemaId=payments, SchemaDefinition=json.dumps(json.loads(V2), indent=1))
    assert again["SchemaVersionId"] == second["SchemaVersionId"]
    got = glue.get_schema_version(SchemaVersionId=second["SchemaVersionId"])
    assert (got["SchemaDefinition"], got["DataFormat"], got["VersionNumber"], got["Status"]) == (V2, "AVRO", 2, "AVAILABLE")
    assert glue.get_schema_version(SchemaId=payments, SchemaVersionNumber=LATEST)["SchemaVersionId"] == second["SchemaVersionId"]
    assert glue.get_schema_version(SchemaId=payments, SchemaVersionNumber=number(1))["SchemaDefinition"] == V1
    found = glue.get_schema_by_definition(SchemaId=payments, SchemaDefinition=V2)
    assert (found["SchemaVersionId"], found["Status"]) == (second["SchemaVersionId"], "AVAILABLE")
    assert refused("EntityNotFoundException", glue.get_schema_by_definition, SchemaId=payments, SchemaDefinition=V3) == "Schema version is not found."
    assert refused("EntityNotFoundException", glue.get_schema_version, SchemaVersionId=UNKNOWN) == "Schema version is not found."
    refused("EntityNotFoundException", glue.get_schema_version, SchemaId=payments, SchemaVersionNumber=number(99))
    refused("InvalidInputException", glue.get_schema_version)
    refused("InvalidInputException", glue.register_schema_version, SchemaId=payments, SchemaDefinition="{")
    pages = list(glue.get_paginator("list_schema_versions").paginate(SchemaId=payments, MaxResults=1))
    listed = [v for p in pages for v in p["Schemas"]]
    assert sorted(v["VersionNumber"] for v in listed) == [1, 2] and {v["Status"] for v in listed} == {"AVAILABLE"}


def test_a_breaking_version_fails_and_leaves_the_latest_alone(glue, payments):
    failed = glue.register_schema_version(SchemaId=payments, SchemaDefinition=BREAKING)
    assert failed["Status"] == "FAILURE"
    assert glue.get_schema_version(SchemaVersionId=failed["SchemaVersionId"])["Status"] == "FAILURE"
    assert glue.get_schema_by_definition(SchemaId=payments, SchemaDefinition=V1)["Status"] == "AVAILABLE"
    glue.update_schema(SchemaId=payments, Compatibility="NONE", SchemaVersionNumber=number(1))
    allowed = glue.register_schema_version(SchemaId=payments, SchemaDefinition=BREAKING)
    assert allowed["Status"] == "AVAILABLE" and allowed["SchemaVersionId"] != failed["SchemaVersionId"]


def test_a_disabled_schema_takes_no_version(glue, payments, refused):
    glue.update_schema(SchemaId=payments, Compatibility="DISABLED", SchemaVersionNumber=LATEST)
    refused("InvalidInputException", glue.register_schema_version, SchemaId=payments, SchemaDefinition=V2)


def test_checkpoint_diff_and_deletion(glue, payments, refused):
    for text in (V2, V3):
        glue.register_schema_version(SchemaId=payments, SchemaDefinition=text)
    diff = glue.get_schema_versions_diff(SchemaId=payments, FirstSchemaVersionNumber=number(1), SecondSchemaVersionNumber=LATEST, SchemaDiffType="SYNTAX_DIFF")
    assert [c["op"] for c in json.loads(diff["Diff"])] == ["add", "add"]
    refused("EntityNotFoundException", glue.get_schema_versions_diff, SchemaId=payments, FirstSchemaVersionNumber=number(1),
            SecondSchemaVersionNumber=number(9), SchemaDiffType="SYNTAX_DIFF")
    glue.update_schema(SchemaId=payments, SchemaVersionNumber=number(3))
    assert glue.get_schema(SchemaId=payments)["SchemaCheckpoint"] == 3
    refused("InvalidInputException", glue.delete_schema_versions, SchemaId=payments, Versions="2-3")
    refused("InvalidInputException", glue.delete_schema_versions, SchemaId=payments, Versions="3-2")
    errors = glue.delete_schema_versions(SchemaId=payments, Versions="1-2")["SchemaVersionErrors"]
    assert [e["VersionNumber"] for e in errors] == [1]
    refused("EntityNotFoundException", glue.get_schema_version, SchemaId=payments, SchemaVersionNumber=number(2))
    errors = glue.delete_schema_versions(SchemaId=payments, Versions="5")["SchemaVersionErrors"]
    assert errors[0]["ErrorDetails"]["ErrorCode"] == "EntityNotFoundException"


def test_validity(glue):
    def check(kind, text):
        return glue.check_schema_version_validity(DataFormat=kind, SchemaDefinition=text)

    for kind, text in (("AVRO", V1), ("JSON", '{"type":"object"}'), ("PROTOBUF", 'syntax = "proto3"; message M { string a = 1; }')):
        assert check(kind, text)["Valid"] is True
    for kind in ("AVRO", "JSON", "PROTOBUF"):
        answer = check(kind, "{")
        assert answer["Valid"] is False and answer["Error"]


def test_metadata(glue, payments, refused):
    version = glue.get_schema_version(SchemaId=payments, SchemaVersionNumber=LATEST)["SchemaVersionId"]
    pair = {"MetadataKey": "owner", "MetadataValue": "payments"}
    put = glue.put_schema_version_metadata(SchemaVersionId=version, MetadataKeyValue=pair)
    assert (put["MetadataKey"], put["MetadataValue"], put["SchemaVersionId"], put["LatestVersion"]) == ("owner", "payments", version, True)
    refused("AlreadyExistsException", glue.put_schema_version_metadata, SchemaVersionId=version, MetadataKeyValue=pair)
    glue.put_schema_version_metadata(SchemaId=payments, SchemaVersionNumber=LATEST, MetadataKeyValue={"MetadataKey": "owner", "MetadataValue": "risk"})
    info = glue.query_schema_version_metadata(SchemaVersionId=version)["MetadataInfoMap"]["owner"]
    assert info["MetadataValue"] == "risk" and [o["MetadataValue"] for o in info["OtherMetadataValueList"]] == ["payments"]
    assert glue.query_schema_version_metadata(SchemaVersionId=version, MetadataList=[{"MetadataKey": "nosuch"}])["MetadataInfoMap"] == {}
    for i in range(8):
        glue.put_schema_version_metadata(SchemaVersionId=version, MetadataKeyValue={"MetadataKey": f"k{i}", "MetadataValue": "v"})
    refused("ResourceNumberLimitExceededException", glue.put_schema_version_metadata, SchemaVersionId=version,
            MetadataKeyValue={"MetadataKey": "one", "MetadataValue": "more"})
    page = glue.query_schema_version_metadata(SchemaVersionId=version, MaxResults=3)
    assert len(page["MetadataInfoMap"]) == 3 and page["NextToken"]
    glue.remove_schema_version_metadata(SchemaVersionId=version, MetadataKeyValue=pair)
    refused("EntityNotFoundException", glue.remove_schema_version_metadata, SchemaVersionId=version, MetadataKeyValue=pair)


def test_tags(glue, registry, payments, refused):
    arn = glue.get_schema(SchemaId=payments)["SchemaArn"]
    glue.tag_resource(ResourceArn=arn, TagsToAdd={"a": "1", "b": "2"})
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"a": "1", "b": "2"}
    glue.untag_resource(ResourceArn=arn, TagsToRemove=["a"])
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    of_registry = glue.get_registry(RegistryId={"RegistryName": registry})["RegistryArn"]
    glue.tag_resource(ResourceArn=of_registry, TagsToAdd={"c": "3"})
    assert glue.get_tags(ResourceArn=of_registry)["Tags"] == {"c": "3"}
    refused("EntityNotFoundException", glue.get_tags, ResourceArn=arn + "x")


def confluent(method, path, body=None):
    """Calls the other face; gives status and answer."""
    request = urllib.request.Request(os.environ["LEAT_REGISTRY_URL"] + path, method=method, data=body and json.dumps(body).encode(),
                                     headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


def test_the_other_face_shows_the_same(glue, registry, payments):
    subject = f":.{registry}:payments"
    assert confluent("GET", f"/subjects/{subject}/versions") == (200, [1])
    status, answer = confluent("POST", f"/subjects/{subject}/versions", {"schema": V2})
    assert (status, answer["version"]) == (200, 2)
    assert glue.get_schema_version(SchemaId=payments, SchemaVersionNumber=LATEST)["SchemaDefinition"] == V2
    status, answer = confluent("POST", f"/subjects/{subject}/versions", {"schema": BREAKING})
    assert status == 409 and "READER_FIELD_MISSING_DEFAULT_VALUE" in answer["message"] and "/fields/1" in answer["message"]
    assert glue.register_schema_version(SchemaId=payments, SchemaDefinition=BREAKING)["Status"] == "FAILURE"
    assert confluent("GET", f"/subjects/{subject}/versions") == (200, [1, 2])
    status, answer = confluent("POST", "/subjects/" + f":.{registry}:orders%2Feu%20value" + "/versions", {"schema": V1})
    assert status == 200
    assert glue.get_schema(SchemaId={"RegistryName": registry, "SchemaName": "orders$2Feu$20value"})["DataFormat"] == "AVRO"
    confluent("PUT", f"/config/{subject}", {"compatibility": "FORWARD_TRANSITIVE"})
    assert glue.get_schema(SchemaId=payments)["Compatibility"] == "FORWARD_ALL"
