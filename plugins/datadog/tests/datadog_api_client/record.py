"""Records what Datadog's own client for Python sends, into `requests.json` beside this file.

    python3 -m venv venv && venv/bin/pip install datadog-api-client==2.62.0
    venv/bin/python plugins/datadog/tests/datadog_api_client/record.py

It has 95 MB, so it is no dependency of the tests. Its host is redirected to a server here; the key is made up.
"""

from __future__ import annotations

import json
import threading
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v1.api.metrics_api import MetricsApi as MetricsApiV1
from datadog_api_client.v1.model.distribution_points_content_encoding import DistributionPointsContentEncoding
from datadog_api_client.v1.model.distribution_points_payload import DistributionPointsPayload
from datadog_api_client.v1.model.distribution_points_series import DistributionPointsSeries
from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.model.content_encoding import ContentEncoding
from datadog_api_client.v2.model.http_log import HTTPLog
from datadog_api_client.v2.model.http_log_item import HTTPLogItem
from datadog_api_client.v2.model.metric_content_encoding import MetricContentEncoding
from datadog_api_client.v2.model.metric_intake_type import MetricIntakeType
from datadog_api_client.v2.model.metric_payload import MetricPayload
from datadog_api_client.v2.model.metric_point import MetricPoint
from datadog_api_client.v2.model.metric_resource import MetricResource
from datadog_api_client.v2.model.metric_series import MetricSeries

TIME = 1_795_145_112
LOGS = [
    {
        "message": "tool finished \u2603",
        "ddsource": "ci",
        "ddtags": "team:ci,env:prod,version:2.1",
        "hostname": "ci-1",
        "service": "claude-code",
        "status": "warn",
        "timestamp": TIME * 1000 + 904,
    },
    {
        "message": "second",
        "ddsource": "ci",
        "service": "claude-code",
        "status": "error",
        "timestamp": TIME * 1000 + 905,
    },
]
TAGS = ["model:opus", "service:claude-code"]
requests: list[dict[str, Any]] = []


class Recorder(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        coding = self.headers.get("Content-Encoding", "")
        wbits = {"gzip": 31, "deflate": 15}.get(coding)
        body = zlib.decompress(raw, wbits) if wbits else raw
        kept = {name: value for name, value in self.headers.items() if name not in {"Host", "Content-Length"}}
        requests.append({"path": self.path, "headers": kept, "body": body.decode()})
        self.send_response(202)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def resource() -> list[MetricResource]:
    return [MetricResource(type="host", name="ci-1")]


def send(client: ApiClient) -> None:
    LogsApi(client).submit_log(HTTPLog([HTTPLogItem(**log) for log in LOGS]), content_encoding=ContentEncoding.GZIP)
    series = [
        MetricSeries(
            metric="tokens",
            type=kind,
            points=[MetricPoint(timestamp=TIME, value=value)],
            tags=TAGS,
            resources=resource(),
            **more,
        )
        for kind, value, more in (
            (MetricIntakeType.COUNT, 3.0, {"interval": 60}),
            (MetricIntakeType.GAUGE, 0.5, {}),
        )
    ]
    MetricsApi(client).submit_metrics(MetricPayload(series=series), content_encoding=MetricContentEncoding.GZIP)
    points = DistributionPointsSeries(metric="took", host="ci-1", points=[[float(TIME), [1.5, 2.5]]], tags=TAGS)
    payload = DistributionPointsPayload([points])
    MetricsApiV1(client).submit_distribution_points(payload, content_encoding=DistributionPointsContentEncoding.DEFLATE)


def main() -> None:
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    configuration = Configuration(host=f"http://127.0.0.1:{server.server_port}", api_key={"apiKeyAuth": "FAKE" * 8})
    configuration.server_operation_index["submit_log"] = None  # it has a host of its own otherwise
    with ApiClient(configuration) as client:
        send(client)
    server.shutdown()
    said = {"recorded_with": f"datadog-api-client {version('datadog-api-client')}, by record.py", "requests": requests}
    Path(__file__).with_name("requests.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
