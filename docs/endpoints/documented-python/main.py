# The FastAPI endpoint of Narada's documentation, unchanged except for white space.
# Do not use it: ../check.sh lists its faults.
# Start it with: uvicorn main:app --host 127.0.0.1 --port 3000
from fastapi import FastAPI, Request, HTTPException
from pydantic import BaseModel
from typing import Any, Literal, Mapping
import os

app = FastAPI()


class RemoteDispatchUsage(BaseModel):
    actions: int
    credits: int


class WebhookPayload(BaseModel):
    requestId: str
    secret: str | None
    status: Literal["input-required", "success", "error"]
    browserWindowId: str | None
    response: Mapping[str, Any]
    createdAt: str
    completedAt: str
    usage: RemoteDispatchUsage | None


@app.post("/api/narada/webhook")
async def handle_webhook(request: Request, payload: WebhookPayload):
    # Verify authentication - check Authorization header from callback_headers
    auth_header = request.headers.get("authorization")
    expected_token = os.getenv('WEBHOOK_TOKEN')

    if auth_header and expected_token:
        if auth_header != f"Bearer {expected_token}":
            raise HTTPException(status_code=401, detail="Invalid authorization header")

    # Also verify the secret if provided
    expected_secret = os.getenv('NARADA_CALLBACK_SECRET')
    if expected_secret and payload.secret != expected_secret:
        raise HTTPException(status_code=401, detail="Invalid secret")

    # Process the webhook payload
    print(f"Task {payload.requestId} completed with status: {payload.status}")

    if payload.status == "success":
        print(f"Response: {payload.response.get('text')}")
        handle_success(payload)
    elif payload.status == "error":
        print(f"Task failed: {payload.response.get('text')}")
        handle_error(payload)
    elif payload.status == "input-required":
        print(f"Input required: {payload.response.get('text')}")
        handle_input_required(payload)

    # Always respond with 200 to acknowledge receipt
    return {"received": True}


def handle_success(payload: WebhookPayload):
    # Your success handling logic
    pass


def handle_error(payload: WebhookPayload):
    # Your error handling logic
    pass


def handle_input_required(payload: WebhookPayload):
    # Your input handling logic
    pass
