"""Blobs over REST, at one hub and at two that are linked; and in a backup."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from accord.blobs import blob_id, open_blob, seal
from tests.e2e.plain_client import b64, now_ms
from tests.e2e.rest import Answer, Rest
from tests.hubs import run_command
from tests.links.pair import pair, until

MIB = 1024 * 1024


def put(rest: Rest, name: str, at: int, data: bytes, kind: str = "application/octet-stream") -> Answer:
    return rest.ask("PATCH", f"blobs/{name}", data, {"Content-Type": kind, "Upload-Offset": str(at)})


def bring(rest: Rest, blob: bytes, **more: int) -> str:
    name = b64(blob_id(blob))
    begun = rest.post("blobs", {"blob": name, "size": len(blob), **more})
    assert begun.status == 200, begun
    for at in range(begun.value["received"], len(blob), MIB):
        answer = put(rest, name, at, blob[at : at + MIB])
        assert answer.status == 200, answer
    assert rest.post("blobs", {"blob": name, "size": len(blob), **more}).value["received"] == len(blob)
    return name


def read(rest: Rest, name: str, asked: str = "", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(rest.origin).netloc, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {rest.token}", **({"Range": asked} if asked else {})}
        connection.request(method, f"/api/v1/blobs/{name}", headers=headers)
        response = connection.getresponse()
        return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    finally:
        connection.close()


async def test_blobs_of_linked_hubs(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        ann, bob = await both.far.world.member(), await both.near.world.member()
        await asyncio.to_thread(
            _at_one_hub, Rest.login(both.far.world, ann), Rest.login(both.far.world, both.far.world.admin)
        )
        await both.link()
        await both.equal()
        at_far, at_near = Rest.login(both.far.world, ann), Rest.login(both.near.world, bob)
        key, file = secrets.token_bytes(32), secrets.token_bytes(3 * MIB // 2)
        blob = seal(key, file)
        name = await asyncio.to_thread(bring, at_far, blob)

        # The hub that was dialled is asked by the one that has dialled, and a copy is kept.
        assert (await asyncio.to_thread(read, at_near, name))[0] == 503
        await until(lambda: read(at_near, name)[0] == 200, "the blob has come from the linked hub")
        assert open_blob(key, len(file), read(at_near, name)[2]) == file
        assert both.near.rows("SELECT count(*) FROM blobs_blob WHERE hub IS NOT NULL") == [(1,)]
        unknown = b64(secrets.token_bytes(32))
        await until(lambda: read(at_near, unknown)[0] == 404, "nobody has it")

        # And the other way round; what will burn is known there too.
        burn_at = now_ms() + 3_600_000
        back = await asyncio.to_thread(bring, at_near, seal(key, b"back"), burn_at=burn_at)
        await until(lambda: read(at_far, back)[0] == 200, "asked over the session that the other has opened")
        assert both.far.rows("SELECT burn_at FROM blobs_blob WHERE hub IS NOT NULL") == [(burn_at,)]

        # A deletion reaches the copy.
        assert at_far.ask("DELETE", f"blobs/{name}").status == 204
        await until(lambda: read(at_near, name)[0] == 410, "the copy is gone too")
        assert read(at_far, name)[0] == 410
        assert not list((both.near.home / "blobs").glob(f"*/{blob_id(blob).hex()}"))

        # A backup has what is there, and gives it back.
        copy, passphrase = tmp_path / "copy", tmp_path / "passphrase"
        passphrase.write_text("correct horse battery\n", encoding="utf-8")
        passphrase.chmod(0o600)
        secret = ("--passphrase-file", str(passphrase), "--json")
        made = json.loads(await both.near.run("backup", "--to", str(tmp_path / "near.backup"), *secret))
    done = run_command(copy, "restore", made["file"], *secret)
    assert done.returncode == 0, done.stderr
    kept = [path.name for path in (copy / "blobs").glob("*/*") if path.parent.name != "parts"]
    assert kept == [blob_id(seal(key, b"back")).hex()]


def _at_one_hub(rest: Rest, admin: Rest) -> None:
    blob = seal(secrets.token_bytes(32), secrets.token_bytes(2 * MIB))
    name = bring(rest, blob)
    status, headers, found = read(rest, name)
    assert (status, found) == (200, blob)
    assert headers["content-type"] == "application/octet-stream"
    assert (headers["x-content-type-options"], headers["content-disposition"]) == ("nosniff", "attachment")
    assert "sandbox" in headers["content-security-policy"]
    assert headers["cache-control"] == "private, no-store"
    for asked, start, end in (
        ("bytes=0-0", 0, 1), ("bytes=1000000-1100000", 1_000_000, 1_100_001), ("bytes=-5", len(blob) - 5, len(blob)),
        (f"bytes={MIB}-", MIB, len(blob)),
    ):  # fmt: skip
        status, headers, found = read(rest, name, asked)
        assert (status, found) == (206, blob[start:end])
        assert headers["content-range"] == f"bytes {start}-{end - 1}/{len(blob)}"
    assert read(rest, name, f"bytes={len(blob)}-")[0] == 416
    assert read(rest, name, "bytes=9-2")[0] == 416
    assert read(rest, name, "lines=1-2")[0] == 200
    assert read(rest, name, method="HEAD")[2] == b""
    assert read(Rest(rest.origin, "A" * 43), name)[0] == 401
    assert Rest(rest.origin).get(f"blobs/{name}").code == "401 unauthorized"

    (row,) = rest.items("blobs")
    assert (row["blob"], row["size"], row["burn_at"]) == (name, len(blob), None)
    assert rest.get("blobs").value["used"] == len(blob)
    assert admin.items("blobs") == []
    assert put(rest, name, 0, b"x" * (MIB + 1)).code == "413 too_big"
    other = b64(secrets.token_bytes(32))
    assert put(rest, other, 0, b"x").code == "404 not_found"
    assert put(rest, other, 0, b"{}", "application/json").code == "400 bad_request"
    assert put(rest, other, 0, b"x", "text/plain").code == "415 unsupported"
    assert rest.post("blobs", {"blob": other, "size": 2**39}).code == "413 too_big"
    assert rest.post("blobs", {"blob": other, "size": 3}).value["received"] == 0
    assert put(rest, other, 0, b"abc").code == "400 bad_request"
    assert put(rest, other, 0, b"abc").code == "404 not_found"
    assert admin.ask("DELETE", f"blobs/{name}").status == 204
    assert read(rest, name)[0] == 410
    assert rest.items("blobs") == []
