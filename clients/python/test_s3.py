"""S3: objects whole, in parts, in ranges and under conditions."""

import hashlib
import json
import os
import time
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config


@pytest.fixture
def s3(aws):
    return aws("s3")


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for o in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=o["Key"])
    s3.delete_bucket(Bucket=name)


def test_an_object_comes_back_as_it_was_put(s3, bucket, refused):
    put = s3.put_object(Bucket=bucket, Key="a/é b.txt", Body=b"hello", ContentType="text/plain", Metadata={"who": "me"}, ChecksumAlgorithm="SHA256")
    assert put["ETag"] == '"%s"' % hashlib.md5(b"hello").hexdigest()
    got = s3.get_object(Bucket=bucket, Key="a/é b.txt")
    assert got["Body"].read() == b"hello" and got["ContentType"] == "text/plain" and got["Metadata"] == {"who": "me"}
    assert s3.get_object(Bucket=bucket, Key="a/é b.txt", Range="bytes=1-3")["Body"].read() == b"ell"
    assert s3.head_object(Bucket=bucket, Key="a/é b.txt", ChecksumMode="ENABLED")["ChecksumSHA256"] == put["ChecksumSHA256"]
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="missing")
    refused("404", s3.head_object, Bucket=bucket, Key="missing")
    refused("NoSuchBucket", s3.get_object, Bucket="missing-" + bucket, Key="a")
    refused("InvalidRange", s3.get_object, Bucket=bucket, Key="a/é b.txt", Range="bytes=9-")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)


def test_conditions_are_kept(s3, bucket, refused):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    refused("PreconditionFailed", s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"')
    refused("304", s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)


def test_empty_bodies_leave_the_connection_in_order(bucket):
    """botocore asks before each body whether to send it; an answer to the wrong question spoils its next call."""
    once = boto3.client("s3", config=Config(retries={"max_attempts": 0}, read_timeout=10, s3={"addressing_style": "path"}))
    for key in ("a", "b"):
        once.put_object(Bucket=bucket, Key=key, Body=b"")
        once.put_object(Bucket=bucket, Key=key + "/full", Body=b"hello")
    assert [o["Size"] for o in once.list_objects_v2(Bucket=bucket)["Contents"]] == [0, 5, 0, 5]


def test_anyone_reads_what_a_policy_opens(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="a/b.txt", Body=b"hello")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}/a/b.txt") as r:
        assert r.read() == b"hello"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    refused("AccessDenied", s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(policy))
    policy["Statement"][0]["Resource"] = "arn:aws:s3:::another/*"
    refused("MalformedPolicy", s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(policy))


def test_listing_pages_and_folds(s3, bucket):
    for key in ("a", "b/1", "b/2", "c/1", "d"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    folded = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [o["Key"] for o in folded["Contents"]] == ["a", "d"]
    assert [p["Prefix"] for p in folded["CommonPrefixes"]] == ["b/", "c/"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [[o["Key"] for o in p["Contents"]] for p in pages] == [["a", "b/1"], ["b/2", "c/1"], ["d"]]
    assert [o["Key"] for o in s3.list_objects(Bucket=bucket, Prefix="b/")["Contents"]] == ["b/1", "b/2"]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "d"}]})["Deleted"]
    assert sorted(d["Key"] for d in deleted) == ["a", "d"]
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_parts_make_one_object(s3, bucket, refused):
    part = b"x" * (5 << 20)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    etags = [s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=n, Body=body)["ETag"] for n, body in ((1, part), (2, b"tail"))]
    assert [p["Size"] for p in s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)["Parts"]] == [5 << 20, 4]
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="big")
    done = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload,
                                        MultipartUpload={"Parts": [{"PartNumber": n + 1, "ETag": e} for n, e in enumerate(etags)]})
    assert done["ETag"].endswith('-2"')
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == part + b"tail"
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "big"})
    assert copied["CopyObjectResult"]["ETag"]
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == (5 << 20) + 4
    other = s3.create_multipart_upload(Bucket=bucket, Key="gone")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="gone", UploadId=other)
    refused("NoSuchUpload", s3.list_parts, Bucket=bucket, Key="gone", UploadId=other)


def test_presigned_links_work_for_anyone(s3, bucket):
    link = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "signed"})
    urllib.request.urlopen(urllib.request.Request(link, data=b"by link", method="PUT", headers={"Content-Type": ""})).close()
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "signed"})) as answer:
        assert answer.read() == b"by link"


def test_tags_and_notifications(s3, aws, bucket, name):
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=1")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]
    sqs = aws("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [
        {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".csv"}]}}}]})
    s3.put_object(Bucket=bucket, Key="x.txt", Body=b"1")
    s3.put_object(Bucket=bucket, Key="x.csv", Body=b"12")
    events = []
    while not events:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10, MaxNumberOfMessages=10)["Messages"]:
            events += json.loads(message["Body"]).get("Records", [])  # a test event has none
    assert [(e["eventName"], e["s3"]["object"]["key"], e["s3"]["object"]["size"]) for e in events] == [("ObjectCreated:Put", "x.csv", 2)]
    sqs.delete_queue(QueueUrl=queue)


def test_buckets_keep_their_settings(s3, bucket, name, refused):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/public/*"}]})
    cors = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"], "MaxAgeSeconds": 60}]}
    kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/k"}, "BucketKeyEnabled": True}]}
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    tags = {"TagSet": [{"Key": "team", "Value": "a"}]}
    for put, get, delete, argument, value, missing in (
        ("policy", "policy", "policy", "Policy", policy, "NoSuchBucketPolicy"),
        ("cors", "cors", "cors", "CORSConfiguration", cors, "NoSuchCORSConfiguration"),
        ("tagging", "tagging", "tagging", "Tagging", tags, "NoSuchTagSet"),
        ("encryption", "encryption", "encryption", "ServerSideEncryptionConfiguration", kms, None),
        ("ownership_controls", "ownership_controls", "ownership_controls", "OwnershipControls", owner, None),
    ):
        getattr(s3, f"put_bucket_{put}")(Bucket=bucket, **{argument: value})
        got = getattr(s3, f"get_bucket_{get}")(Bucket=bucket)
        got.pop("ResponseMetadata")
        assert value in (got, got.get(argument)), got
        if put == "policy":
            assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
        if put == "encryption":
            assert s3.put_object(Bucket=bucket, Key="k", Body=b"")["SSEKMSKeyId"] == "alias/k"
        getattr(s3, f"delete_bucket_{delete}")(Bucket=bucket)
        if missing:
            refused(missing, getattr(s3, f"get_bucket_{get}"), Bucket=bucket)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    s3.delete_public_access_block(Bucket=bucket)
    refused("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, Bucket=bucket)
    refused("MalformedPolicy", s3.put_bucket_policy, Bucket=bucket, Policy="no JSON")


def test_what_a_bucket_has_not_is_answered_as_on_aws(s3, bucket, refused):
    s3.head_bucket(Bucket=bucket)
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_bucket_notification_configuration(Bucket=bucket).keys() == {"ResponseMetadata"}
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    for kind in ("analytics", "inventory", "metrics", "intelligent_tiering"):
        assert not getattr(s3, f"list_bucket_{kind}_configurations")(Bucket=bucket)["IsTruncated"]
        refused("NoSuchConfiguration", getattr(s3, f"get_bucket_{kind}_configuration"), Bucket=bucket, Id="x")
    refused("NoSuchWebsiteConfiguration", s3.get_bucket_website, Bucket=bucket)
    refused("ReplicationConfigurationNotFoundError", s3.get_bucket_replication, Bucket=bucket)
    refused("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, Bucket=bucket)
    s3.delete_bucket_website(Bucket=bucket)
    s3.delete_bucket_replication(Bucket=bucket)
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Suspended"})
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    refused("NotImplemented", s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    refused("NotImplemented", s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}})
    refused("AccessControlListNotSupported", s3.put_bucket_acl, Bucket=bucket, ACL="public-read")


def test_objects_expire_by_rules(s3, bucket, eventually, refused):
    rules = [{"ID": "tmp", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    assert 'rule-id="tmp"' in s3.put_object(Bucket=bucket, Key="tmp/a", Body=b"")["Expiration"]
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="keep", Body=b"")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="tmp/b")
    assert upload["AbortRuleId"] == "tmp"
    s3.abort_multipart_upload(Bucket=bucket, Key="tmp/b", UploadId=upload["UploadId"])
    rules[0]["Expiration"] = {"Date": "2020-01-01T00:00:00Z"}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    eventually(lambda: [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["keep"])
    s3.delete_bucket_lifecycle(Bucket=bucket)
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=bucket)


def test_objects_are_described(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    assert s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)["ObjectSize"] == 5
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"][0]["Permission"] == "FULL_CONTROL"
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    (version,) = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert (version["Key"], version["VersionId"], version["IsLatest"]) == ("k", "null", True)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="joined")["UploadId"]
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["joined"]
    part = s3.upload_part_copy(Bucket=bucket, Key="joined", UploadId=upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "k"}, CopySourceRange="bytes=1-3")
    s3.complete_multipart_upload(Bucket=bucket, Key="joined", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]})
    assert s3.get_object(Bucket=bucket, Key="joined")["Body"].read() == b"ell"
    refused("InvalidRequest", s3.get_object_retention, Bucket=bucket, Key="k")
    refused("InvalidRequest", s3.put_object_legal_hold, Bucket=bucket, Key="k", LegalHold={"Status": "ON"})
    refused("InvalidObjectState", s3.restore_object, Bucket=bucket, Key="k", RestoreRequest={"Days": 1})


def test_buckets_are_listed_in_pages(s3, bucket, name):
    s3.create_bucket(Bucket=name + "-2")
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=name, PaginationConfig={"PageSize": 1}))
    assert [[b["Name"] for b in p["Buckets"]] for p in pages] == [[name], [name + "-2"]]
    s3.delete_bucket(Bucket=name + "-2")


def test_presigned_links_end(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for version in ("s3v4", "s3"):
        client = boto3.client("s3", config=Config(signature_version=version, s3={"addressing_style": "path"}))
        link = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=-1 if version == "s3" else 0)
        with pytest.raises(urllib.error.HTTPError) as caught:
            for _ in range(100):  # a link of version 4 holds to the end of its second
                urllib.request.urlopen(link).close()
                time.sleep(0.02)
        assert caught.value.code == 403 and b"Request has expired" in caught.value.read()


def test_the_host_may_name_the_bucket(s3, bucket):
    """As SDKs have it that are not told to use paths; the name need not resolve here."""
    port = os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
    client = boto3.client("s3", endpoint_url=f"http://localhost:{port}", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
    link = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a/b"})
    host = f"{bucket}.localhost:{port}"
    assert link.startswith(f"http://{host}/a/b?")
    urllib.request.urlopen(urllib.request.Request(link.replace(host, f"127.0.0.1:{port}"), data=b"by host", method="PUT", headers={"Host": host, "Content-Type": ""})).close()
    assert s3.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"by host"
