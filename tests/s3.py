"""An S3-compatible store on this machine: moto's, as a process of its own so that its memory is not ours."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from socialcore.settings import Bucket
from tests.waiting import wait_for

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@contextmanager
def running() -> Iterator[Bucket]:
    """Start it, with an empty bucket; whoever uses it needs `KEYS` in the environment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _listens(port), what="the store", most_seconds=30)
        bucket = Bucket(name="media", region="us-east-1", endpoint=f"http://127.0.0.1:{port}")
        client(bucket).create_bucket(Bucket=bucket.name)
        yield bucket
    finally:
        server.kill()
        server.wait()


def client(bucket: Bucket):
    return boto3.client(
        "s3",
        region_name=bucket.region,
        endpoint_url=bucket.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
