// Records what Splunk's own npm package `splunk-logging` sends, as requests.json beside this file.
//
//     npm install splunk-logging@0.11.1 && node record.js
//
// CI has no node: the recording is kept, and test_splunk_logging.py reads it. Make it anew for a new version.

const fs = require("fs");
const http = require("http");
const path = require("path");
const { createRequire } = require("module");

const load = createRequire(path.join(process.cwd(), "x.js"));
const { Logger } = load("splunk-logging");
const version = load("splunk-logging/package.json").version;

const metadata = { time: 1795145112904, host: "ci-1", source: "github", sourcetype: "agents", index: "main" };
const events = [
  { message: "tool finished: ünïcode \"quoted\"\nline", severity: "warn", metadata },
  { message: { tool: "Bash", args: ["ls", 1], nested: { ok: true } }, severity: "info", metadata },
  { message: "no metadata but a time", severity: "info", metadata: { time: 1795145112000 } },
];

const requests = [];
const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const headers = { ...request.headers };
    delete headers.host;
    requests.push({ method: request.method, path: request.url, headers, body: Buffer.concat(pieces).toString("utf8") });
    response.setHeader("Content-Type", "application/json");
    response.end('{"text":"Success","code":0}');
  });
});

server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const token = "00000000-FAKE-FAKE-FAKE-000000000000";
  const copy = () => JSON.parse(JSON.stringify(events));
  const single = new Logger({ token, url });
  single.send(copy()[0], () => {
    const batch = new Logger({ token, url, maxBatchCount: 0 });
    copy().forEach((event) => batch.send(event));
    batch.flush(() => {
      server.close();
      const note = `Recorded by record.js from the npm package splunk-logging ${version} (Apache-2.0) with node ${process.version}.`;
      const file = path.join(__dirname, "requests.json");
      fs.writeFileSync(file, JSON.stringify({ note, events, requests }, null, 2) + "\n");
    });
  });
});
