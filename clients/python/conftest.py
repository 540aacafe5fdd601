"""What the suites share: clients of the Leat that AWS_ENDPOINT_URL names."""

import json
import os
import subprocess
import time
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

# A request is made once: a retry would hide an answer that was wrong the first time.
CONFIG = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=60)


@pytest.fixture(scope="session")
def aws():
    """Gives the client of a service; each is made once."""
    made = {}

    def client(service):
        if service not in made:
            made[service] = boto3.client(service, config=CONFIG)
        return made[service]

    return client


@pytest.fixture
def name():
    """A name no other test has."""
    return "t-" + uuid.uuid4().hex[:12]


@pytest.fixture
def refused():
    """Expects a call to be refused with the given code, and gives the message."""

    def expect(code, call, **arguments):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        error = caught.value.response["Error"]
        assert error["Code"] == code, error
        assert caught.value.response["ResponseMetadata"]["RequestId"]
        return error["Message"]

    return expect


@pytest.fixture
def eventually():
    """Looks until a function gives something true; for what happens behind the scenes."""

    def look(found, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            result = found()
            if result:
                return result
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.02)

    return look


@pytest.fixture(scope="session")
def serdetool():
    """Asks the Go package serde, through the helper program, to encode or decode."""
    running = {}

    def ask(registry, **request):
        if registry not in running:
            flag = {"confluent": "LEAT_REGISTRY_URL", "glue": "AWS_ENDPOINT_URL"}[registry]
            running[registry] = subprocess.Popen(
                [os.environ["SERDETOOL"], f"-{registry}", os.environ[flag]],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        tool = running[registry]
        tool.stdin.write(json.dumps(request) + "\n")
        tool.stdin.flush()
        reply = json.loads(tool.stdout.readline())
        assert "error" not in reply, reply["error"]
        return reply

    yield ask
    for tool in running.values():
        tool.stdin.close()
        assert tool.wait(10) == 0
