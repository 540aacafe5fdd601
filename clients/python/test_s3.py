"""S3: objects whole, in parts, in ranges and under conditions."""

import hashlib
import json
import urllib.request

import pytest


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
