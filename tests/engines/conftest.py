"""What the tests of engines share: a small model, posts of which some are faulty, and servers of S3 and of GCS."""

import csv

import pytest
from tests.predictor import conftest as models

settings, plain_folder = models.settings, models.plain_folder
ROWS = 4000


@pytest.fixture(scope="session")
def posts(tmp_path_factory):
    """A CSV of 4,000 rows, 8 of them faulty."""
    path = tmp_path_factory.mktemp("posts") / "in.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "content"])
        for i in range(ROWS):
            faulty = {7: [i, ""], 8: [i, "ok", "beyond"]}.get(i % 1000)
            writer.writerow(faulty or [i, f"so {'good' if i % 3 else 'bad'}, NaN number {i * 'x'!s:.20} 🤣"])
    return path


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """A bucket of an S3 server on this machine, as fsspec sees it; what this process starts finds it too."""
    lacking = "pip install 'tweet-sentiment[remote]' 'moto[server]'"
    s3fs = pytest.importorskip("s3fs", reason=f"S3 needs s3fs: {lacking}")
    server = pytest.importorskip("moto.server", reason=f"the S3 server is moto's: {lacking}")
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    host, port = moto.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patched.setenv("TWEET_SENTIMENT_CACHE", str(tmp_path_factory.mktemp("cache")))
        store = s3fs.S3FileSystem()
        store.mkdir("bucket")
        yield store
    moto.stop()


@pytest.fixture(scope="session")
def gs(tmp_path_factory):
    """A bucket of a Google Cloud Storage server on this machine, as fsspec sees it."""
    lacking = "pip install gcsfs gcp-storage-emulator"
    gcsfs = pytest.importorskip("gcsfs", reason=f"GCS needs gcsfs: {lacking}")
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason=f"the GCS server is an emulator: {lacking}")
    server = emulator.create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    host, port = server._api._httpd.server_address
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", f"http://{host}:{port}")
        patched.setenv("TWEET_SENTIMENT_CACHE", str(tmp_path_factory.mktemp("cache")))
        store = gcsfs.GCSFileSystem()
        store.mkdir("bucket")
        yield store
    server.stop()


@pytest.fixture(params=["s3", "gs"])
def bucket(request):
    """The address of a bucket, and its file system."""
    return f"{request.param}://bucket", request.getfixturevalue(request.param)
