"""A Leat of a test's own: a file to copy into your tests.

In conftest.py:

    from leat_fixture import leat  # noqa: F401, a platform for the whole run

and in a test:

    def test_orders(leat):
        leat.client("sqs").create_queue(QueueName="orders")

With a template deployed, and a platform for each test:

    @pytest.fixture
    def shop():
        with running("template.yaml") as platform:
            yield platform                   # platform.outputs, platform.endpoints

The program is the one that LEAT_BIN names, else the `leat` on PATH. Nothing is kept.
"""

import json
import os
import subprocess
import tempfile
import threading
from contextlib import contextmanager

import boto3
import pytest

REGION = "us-east-1"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
# Functions of a template are built before it is ready, the first time with what they need.
READY_SECONDS = 300
STOP_SECONDS = 30


class Leat:
    """A running platform."""

    def __init__(self, ready):
        self.url = ready["url"]
        self.registry_url = ready["registryUrl"]
        self.outputs = ready.get("outputs") or {}
        self.endpoints = ready.get("endpoints") or []

    def client(self, service, **settings):
        """Gives boto3's client of a service."""
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **CREDENTIALS, **settings)

    @property
    def environment(self):
        """What a program's environment needs to find the platform."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        }


@contextmanager
def running(template=None, *flags):
    """Runs a platform in memory on free ports, with a template deployed if one is named."""
    command = [os.environ.get("LEAT_BIN", "leat"), "up", "--memory", "--json", "--addr", "127.0.0.1:0", "--registry-addr", "127.0.0.1:0"]
    if template is not None:
        command.append(os.fspath(template))
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command + list(flags), stdout=subprocess.PIPE, stderr=log, text=True)
        late = threading.Timer(READY_SECONDS, process.kill)
        late.start()
        try:
            line = process.stdout.readline()
            late.cancel()
            if not line.startswith('{"ready":true'):
                process.wait(STOP_SECONDS)
                log.seek(0)
                raise RuntimeError(f"leat did not become ready: {line}{log.read()}")
            yield Leat(json.loads(line))
        finally:
            late.cancel()
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


@pytest.fixture(scope="session")
def leat():
    with running() as platform:
        yield platform
