// fhirclient, as it is published: a standalone launch. It prints where a person is to go, reads where they came back,
// and prints what it then heard.
import { createInterface } from "node:readline";
import FHIR from "fhirclient";

const { fhir, app, back, scope } = JSON.parse(process.argv[2]);
const kept = {};
const storage = {
  get: async (key) => kept[key],
  set: async (key, value) => (kept[key] = value),
  unset: async (key) => delete kept[key],
};
const place = new URL(back);
const request = (url) => ({ url, headers: { host: place.host }, socket: {} });
const went = await new Promise((resolve) => {
  const response = { writeHead: (status, headers) => resolve(headers.location), end: () => {} };
  FHIR(request("/launch"), response, storage).authorize({ iss: fhir, clientId: app, scope, redirectUri: back });
});
console.log(JSON.stringify({ go: went }));

for await (const line of createInterface({ input: process.stdin })) {
  const landed = new URL(JSON.parse(line));
  const client = await FHIR(request(landed.pathname + landed.search), {}, storage).ready();
  const heard = { patient: client.patient.id };
  heard.name = (await client.patient.read()).name[0].family;
  const found = await client.request(`Observation?subject=Patient/${client.patient.id}&_count=2`, { pageLimit: 0, flat: true });
  heard.observations = found.length;
  heard.other = await client.request("Patient/p0").then(() => "seen", (refused) => refused.statusCode ?? refused.status);
  console.log(JSON.stringify(heard));
  process.exit(0);
}
