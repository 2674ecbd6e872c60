"""The first service: FastAPI. It asks the stock service over gRPC."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import uvicorn
from fastapi import FastAPI

import agentops
from agentops.grpc_interceptors import aio_client_interceptors
from agentops.middleware import ASGIMiddleware

agentops.init(service_name="shop", instrument=[], session={"auto_start": False})


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Deliver before the process ends: uvicorn ends it by the signal it was sent, which skips atexit."""
    yield
    agentops.shutdown()


app = FastAPI(lifespan=lifespan)
app.add_middleware(ASGIMiddleware)


@agentops.agent
async def support(order: int) -> str:
    """Answer a customer, with the help of the stock service."""
    target = os.environ["STOCK_TARGET"]
    async with grpc.aio.insecure_channel(target, interceptors=aio_client_interceptors()) as channel:
        send = channel.unary_unary("/demo.Stock/Send")
        return (await send(str(order).encode())).decode()


@app.get("/orders/{order}")
async def answer(order: int) -> dict[str, str]:
    """Where is my order?"""
    agentops.record(agentops.ActionEvent(action_type="question", params={"order": order}))
    return {"answer": await support(order)}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["SHOP_PORT"]), log_level="error")
