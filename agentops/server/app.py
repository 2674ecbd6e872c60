"""The composition root of the backend: what is made, in which order it starts and stops.

``create_app`` makes the ASGI application, ``serve`` runs it on the ports until told to stop. This is the
only module that names a storage engine.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
import uvicorn
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentops.errors import AgentOpsError, StorageError
from agentops.server.api.live import Live
from agentops.server.api.pages import Pages
from agentops.server.api.routes import ApiContext
from agentops.server.api.routes import routes as api_routes
from agentops.server.api.security import Gate, ScopedRoute, Tokens, load_token
from agentops.server.config import LOOPBACK_HOSTS, ServerConfig, ServerFile, read_server_file
from agentops.server.pipeline import Pipeline, PipelineConfig
from agentops.server.query.sessions import session_rows
from agentops.server.schemas import ReceiverStatus, ServerStatus
from agentops.server.storage.base import Limits, Storage, StoredChange
from agentops.server.storage.chdb import ChdbEngine
from agentops.server.storage.engine import Dialect
from agentops.server.storage.store import SqlStorage
