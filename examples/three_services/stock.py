"""The second service: gRPC. It leaves the delivery to the Celery worker."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import grpc
from courier import deliver

import agentops
from agentops.grpc_interceptors import ServerInterceptor

agentops.init(service_name="stock", instrument=[], session={"auto_start": False})


@agentops.tool
def take_from_shelf(order: int) -> str:
    """Find what was ordered."""
    return f"parcel {order}"


def send(request: bytes, _context: grpc.ServicerContext) -> bytes:
    """Serve one call."""
    parcel = take_from_shelf(int(request))
    return deliver.delay(parcel).get(timeout=30).encode()


def main() -> None:
    """Serve until the process is told to stop."""
    server = grpc.server(ThreadPoolExecutor(4), interceptors=[ServerInterceptor()])
    handlers = {"Send": grpc.unary_unary_rpc_method_handler(send)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("demo.Stock", handlers)])
    server.add_insecure_port(os.environ["STOCK_TARGET"])
    signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=5))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
