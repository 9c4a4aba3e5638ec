"""A webhook endpoint for Narada Cloud, with FastAPI."""

import hmac
import json
import os
import sys

import uvicorn
from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from starlette.concurrency import run_in_threadpool

MAX_BODY = 32 << 20  # bytes

TOKEN, SECRET, PORT = (os.environ.get(name) for name in ("WEBHOOK_TOKEN", "NARADA_CALLBACK_SECRET", "PORT"))
if not (TOKEN and SECRET and PORT):
    sys.exit("set WEBHOOK_TOKEN, NARADA_CALLBACK_SECRET and PORT")

app = FastAPI()


def same(given, want: str) -> bool:
    """Compares in constant time. A value that is not a string never matches."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(errors="surrogatepass"), want.encode())


async def read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, "the body is too large", {"Connection": "close"})
    return bytes(body)


@app.post("/api/narada/webhook")
async def receive(request: Request, after: BackgroundTasks):
    # Check the header first: do not read the body of an unauthenticated request.
    if not same(request.headers.get("authorization"), f"Bearer {TOKEN}"):
        raise HTTPException(401, "wrong or missing Authorization header")
    body = await read(request)
    try:
        # In a thread, because a large body takes time. No model: the cloud may add fields.
        callback = await run_in_threadpool(json.loads, body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON")
    if not isinstance(callback, dict) or not same(callback.get("secret"), SECRET):
        raise HTTPException(401, "wrong or missing secret")
    # Write what must survive a crash to a disk or a queue here, before the response.
    after.add_task(work, callback)
    return {"received": True}


def work(callback: dict) -> None:  # after the response, in a thread
    text = (callback.get("response") or {}).get("text")
    print(callback.get("requestId"), callback.get("status"), json.dumps(text), sep="\t", flush=True)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning")
