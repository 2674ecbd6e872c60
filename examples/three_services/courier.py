"""The third service: a Celery worker. Its messages and results go through a folder."""

import os
from pathlib import Path

from celery import Celery

import agentops
from agentops.celery import instrument_celery

folder = Path(os.environ["MESSAGES_FOLDER"])
for name in ("messages", "processed", "control", "results"):
    (folder / name).mkdir(exist_ok=True)

app = Celery("courier", broker="filesystem://", backend=(folder / "results").as_uri())
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "processed_folder": str(folder / "processed"),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.05,
    },
    worker_hijack_root_logger=False,
)
propagation = instrument_celery(app)


@app.task(name="deliver")
def deliver(parcel: str) -> str:
    """Bring a parcel to its customer."""
    with agentops.tool("drive"):
        agentops.record(agentops.ActionEvent(action_type="delivery", params={"parcel": parcel}))
    return f"{parcel} is on its way"


if __name__ == "__main__":
    agentops.init(service_name="courier", instrument=[], session={"auto_start": False})
    app.worker_main(
        ["worker", "--pool=solo", "--loglevel=ERROR", "--without-gossip", "--without-mingle"]
    )
