"""``agentops serve``: the backend, until Ctrl-C."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agentops.errors import MissingExtraError

if TYPE_CHECKING:
    from agentops.server.config import ServerConfig, ServerFile

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on, default 127.0.0.1"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=4320,
        help="pages, REST and HTTP ingestion, default 4320; 0: any",
    )
    parser.add_argument(
        "--data-dir", type=Path, help="where data stays, default ~/.local/share/agentops"
    )
    parser.add_argument(
        "--storage",
        default="",
        help="clickhouse://user:password@host:8123/database, default embedded",
    )
    parser.add_argument(
        "--retention-days", type=int, help="remove sessions after so many days, default never"
    )
    parser.add_argument(
        "--no-otlp-ports", action="store_true", help="do not open 4317 and 4318 as well"
    )
    parser.add_argument(
        "--allow-host", action="append", default=[], help="further host name to be called under"
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="allow an address that others can reach; no keys yet",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument(
        "--json", action="store_true", help="print where everything is as one JSON line"
    )
    parser.add_argument("--open", action="store_true", help="open the dashboard in a browser")


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    try:
        import msgspec  # an extra

        from agentops.server import app  # an extra, and heavy
    except ImportError as error:
        raise MissingExtraError("The backend", "server", error.name) from error
    config = _config(options)

    def ready(told: "ServerFile") -> None:
        page = _page(told, config)
        if options.json:
            print(json.dumps({**msgspec.to_builtins(told), "dashboard": page}), flush=True)
        elif not options.quiet:
            _announce(told, config, page)
        if options.open:
            import webbrowser  # only on request

            webbrowser.open(page)

    app.serve(config, ready)
    return 0


def _config(options: argparse.Namespace) -> "ServerConfig":
    from agentops.server.config import ServerConfig, data_directory  # as above

    config = ServerConfig(
        host=options.host,
        port=options.port,
        data_dir=data_directory(options.data_dir),
        storage=options.storage,
        retention_days=options.retention_days,
        allowed_hosts=tuple(options.allow_host),
        is_insecure_allowed=options.insecure,
    )
    if options.no_otlp_ports:
        config = dataclasses.replace(config, otlp_http_port=None, otlp_grpc_port=None)
    return config


def _page(told: "ServerFile", config: "ServerConfig") -> str:
    """Return the URL that opens the dashboard, with the token that lets this user in."""
    from agentops.server.config import read_token  # as above

    token = read_token(config.data_dir)
    return f"{told.url}/" + (f"?token={token}" if token else "")


def _announce(told: "ServerFile", config: "ServerConfig", page: str) -> None:
    """Say where everything is, one line each."""
    lines = [
        f"dashboard   {page}",
        f"AgentOps    {told.url}",
        f"OTLP/HTTP   {told.url}/v1/traces" + (f" and {told.otlp_http}" if told.otlp_http else ""),
        f"OTLP/gRPC   {told.otlp_grpc}"
        if told.otlp_grpc
        else "OTLP/gRPC   not open: the port is taken or switched off",
        f"data        {_without_password(config.storage) or config.data_dir}",
        "Ctrl-C stops it.",
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
